"""What a gRPC sender is told when its call fails."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from akeso.domain.errors import (
    AkesoError,
    Forbidden,
    InvalidInput,
    InvalidSettings,
    NotFound,
    Overloaded,
    Unavailable,
)
from akeso.faces.admission import presented_key
from akeso.faces.grpc.refusal import DETAILS, refusal_of

CODES = [
    (InvalidInput("timeUnixNano", "is beyond the year 2262"), grpc.StatusCode.INVALID_ARGUMENT),
    (InvalidSettings("services.yaml", "is wrong"), grpc.StatusCode.INTERNAL),
    (Forbidden("another tenant's"), grpc.StatusCode.PERMISSION_DENIED),
    (Overloaded("full", timedelta(seconds=3)), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Unavailable("the disk refuses"), grpc.StatusCode.UNAVAILABLE),
    (NotFound("something"), grpc.StatusCode.INTERNAL),
]


def status_of(error: AkesoError) -> Any:
    """The google.rpc.Status in the trailers."""
    ((name, packed),) = refusal_of(error).trailers
    assert name == DETAILS
    return Status.FromString(packed)


@pytest.mark.parametrize(("error", "code"), CODES, ids=[type(error).__name__ for error, _ in CODES])
def test_every_error_has_its_code_and_its_text(error: AkesoError, code: grpc.StatusCode) -> None:
    refusal = refusal_of(error)
    assert (refusal.code, refusal.message) == (code, str(error))


def test_a_full_akeso_says_when_to_come_back() -> None:
    status = status_of(Overloaded("full", timedelta(seconds=2, milliseconds=500)))
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.retry_delay.ToTimedelta()) == (8, timedelta(seconds=2.5))


def test_a_dependency_that_is_down_says_so_too() -> None:
    assert status_of(Unavailable("the disk refuses")).details[0].Is(RetryInfo.DESCRIPTOR)


def test_wrong_input_names_the_field() -> None:
    wrong = BadRequest()
    assert status_of(InvalidInput("traceId", "has to be 16 bytes long")).details[0].Unpack(wrong)
    (violation,) = wrong.field_violations
    assert (violation.field, violation.description) == ("traceId", "has to be 16 bytes long")


@pytest.mark.parametrize("error", [Forbidden("no"), InvalidSettings("x", "y")])
def test_what_is_not_to_be_tried_again_carries_no_retry(error: AkesoError) -> None:
    assert refusal_of(error).trailers == ()


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"x-api-key": "k"}, "k"),
        ({"authorization": "Bearer  k "}, "k"),
        ({"authorization": "Basic k"}, ""),
        ({"authorization": "Basic dXNlcjprOms="}, "k:k"),
        ({}, ""),
    ],
)
def test_a_key_is_a_header_a_bearer_token_or_a_password(headers: dict[str, str], key: str) -> None:
    assert presented_key(headers) == key
