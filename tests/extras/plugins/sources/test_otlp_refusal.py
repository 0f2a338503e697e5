import json
from datetime import timedelta

import pytest
from google.rpc.status_pb2 import Status

from akeso.domain.errors import AkesoError, InvalidInput, Overloaded, Unavailable
from akeso.plugins.sources.otlp_logs import OtlpLogs
from akeso.testing.requests.sources import request_to


@pytest.mark.parametrize(
    ("error", "status", "expected", "code"),
    [
        (InvalidInput("body", "is wrong — " + "x" * 200), 422, 400, 3),
        (Overloaded("full", timedelta(seconds=1)), 429, 429, 8),
        (Unavailable("no disk"), 503, 503, 14),
        (AkesoError("defect"), 500, 500, 13),
    ],
)
def test_a_refusal_is_a_status_in_the_encoding_of_the_request(
    error: AkesoError, status: int, expected: int, code: int
) -> None:
    protobuf = OtlpLogs().refuse(request_to("/v1/logs", b"", "application/x-protobuf"), error, status)
    assert (protobuf.status, protobuf.content_type) == (expected, "application/x-protobuf")
    assert Status.FromString(protobuf.body) == Status(code=code, message=str(error))
    text = OtlpLogs().refuse(request_to("/v1/logs", b""), error, status)
    assert (text.status, text.content_type) == (expected, "application/json")
    assert json.loads(text.body) == {"code": code, "message": str(error)}


def test_a_sender_whose_encoding_is_unknown_is_told_in_json() -> None:
    answer = OtlpLogs().refuse(request_to("/v1/logs", b"", "text/plain"), InvalidInput("content-type", "no"), 422)
    assert (answer.status, answer.content_type) == (400, "application/json")
