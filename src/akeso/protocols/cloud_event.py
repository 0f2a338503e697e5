"""CloudEvents 1.0 in the three modes of HTTP.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from akeso.domain.errors import InvalidInput
from akeso.ports.source import IngestRequest
from akeso.protocols.json_body import misfit, parse_json

_STRUCTURED, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
_Named = Annotated[str, Meta(min_length=1, max_length=2048)]


class CloudEvent(msgspec.Struct, frozen=True):
    """One event. data: what JSON makes of it, text, or None."""

    specversion: Literal["1.0"]
    id: _Named
    source: _Named
    type: _Named
    subject: str | None = None
    time: str | None = None
    traceparent: str | None = None
    data: Any = None
    data_base64: str | None = None


_ONE, _MANY = (
    msgspec.json.Decoder(CloudEvent),
    msgspec.json.Decoder(Annotated[list[CloudEvent], Meta(max_length=10_000)]),
)
_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def events_of(request: IngestRequest) -> tuple[list[CloudEvent], list[str]]:
    """The events of a request, and what stands before the name of a field of each. Raises InvalidInput."""
    match request.content_type:
        case "application/cloudevents-batch+json":
            found = parse_json(_MANY, request.body)
            places = [f"[{index}]." for index in range(len(found))]
        case "application/cloudevents+json":
            found, places = [parse_json(_ONE, request.body)], [""]
        case _ if "ce-specversion" in request.headers:
            return [_binary(request)], ["ce-"]
        case "application/json":
            # A sender that forgot the media type but not the envelope.
            found, places = [parse_json(_ONE, request.body)], [""]
        case _:
            raise InvalidInput("content-type", f"has to be {_STRUCTURED} or {_BATCH}, or there have to be ce- headers")
    return [_with_data(event, place) for event, place in zip(found, places, strict=True)], places


def _with_data(event: CloudEvent, place: str) -> CloudEvent:
    if event.data_base64 is None:
        return event
    try:
        body = base64.b64decode(event.data_base64, validate=True)
    except (binascii.Error, ValueError) as bad:
        raise InvalidInput(f"{place}data_base64", "is not base64") from bad
    return msgspec.structs.replace(event, data=body.decode("utf-8", "replace"), data_base64=None)


def _binary(request: IngestRequest) -> CloudEvent:
    attributes: dict[str, Any] = {name: unquote(request.headers[f"ce-{name}"]) for name in _attributes(request.headers)}
    try:
        return msgspec.convert(attributes | {"data": _data(request)}, CloudEvent)
    except msgspec.ValidationError as bad:
        wrong = misfit(bad)
        raise InvalidInput(f"ce-{wrong.field}", wrong.reason) from bad


def _attributes(headers: Mapping[str, str]) -> list[str]:
    known = ("specversion", "id", "source", "type", "subject", "time", "traceparent")
    return [name for name in known if f"ce-{name}" in headers]


def _data(request: IngestRequest) -> Any:
    if not request.body:
        return None
    if request.content_type.endswith("json"):
        return parse_json(_ANYTHING, request.body)
    if not request.content_type:
        # Nothing said is JSON, but some say nothing of anything.
        with suppress(InvalidInput):
            return parse_json(_ANYTHING, request.body)
    return request.body.decode("utf-8", "replace")
