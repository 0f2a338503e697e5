"""CloudEvents 1.0 in the three modes of HTTP.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from akeso.domain.errors import InvalidInput
from akeso.ports.source import IngestRequest
from akeso.protocols.json_body import misfit, parse_json
from akeso.protocols.json_items import JsonItems
from akeso.protocols.rejections import Rejections

_STRUCTURED, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
_ESCAPED = re.compile(r"\\(.)")
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


_ONE, _MANY = msgspec.json.Decoder(CloudEvent), JsonItems(CloudEvent)
_MOST = 10_000
_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def events_of(request: IngestRequest, rejections: Rejections) -> list[tuple[str, CloudEvent]]:
    """The events of a request, each behind where it stands in a batch ("" if alone). Raises InvalidInput."""
    match request.content_type:
        case "application/cloudevents-batch+json":
            found, places = _MANY.decode_array(request.body, rejections)
            if len(found) > _MOST:
                raise InvalidInput("body", f"holds more than {_MOST} events")
            return rejections.sift(zip(places, zip(places, found, strict=True), strict=True), _with_data)
        case "application/cloudevents+json":
            return [_with_data(("", parse_json(_ONE, request.body)))]
        case _ if "ce-specversion" in request.headers:
            return [("ce-", _binary(request))]
        case "application/json":
            # A sender that forgot the media type but not the envelope.
            return [_with_data(("", parse_json(_ONE, request.body)))]
        case _:
            raise InvalidInput("content-type", f"has to be {_STRUCTURED} or {_BATCH}, or there have to be ce- headers")


def _with_data(told: tuple[str, CloudEvent]) -> tuple[str, CloudEvent]:
    place, event = told
    if event.data_base64 is None:
        return told
    try:
        body = base64.b64decode(event.data_base64, validate=True)
    except (binascii.Error, ValueError) as bad:
        raise InvalidInput("data_base64", "is not base64") from bad
    return place, msgspec.structs.replace(event, data=body.decode("utf-8", "replace"), data_base64=None)


def _binary(request: IngestRequest) -> CloudEvent:
    attributes: dict[str, Any] = {
        name: _decoded(request.headers[f"ce-{name}"]) for name in _attributes(request.headers)
    }
    try:
        return msgspec.convert(attributes | {"data": _data(request)}, CloudEvent)
    except msgspec.ValidationError as bad:
        wrong = misfit(bad)
        raise InvalidInput(f"ce-{wrong.field}", wrong.reason) from bad


def _decoded(header: str) -> str:
    """An attribute's value: quoted strings are unquoted before percent-encoding is undone (HTTP binding, 3.1.3.2)."""
    value = header.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    return unquote(value)


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
