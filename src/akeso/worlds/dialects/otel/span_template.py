"""Spans as bytes: what every span of its kind has is made once."""

from dataclasses import dataclass

from akeso.worlds.dialects.otel.conventions import SpanWords
from akeso.worlds.dialects.wire.otlp import attributes
from akeso.worlds.dialects.wire.protobuf import field, fixed64, length, number_field, text
from akeso.worlds.happening import Thrown

_TRACE, _SPAN, _PARENT = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_START, _END = b"\x39", b"\x41"
_SAMPLED = b"\x85\x01\x01\x01\x00\x00"  # field 16, fixed32: sampled; the parent is known to be here or not
_FIXED = 2 + 16 + 2 + 8 + 2 * 9


@dataclass(frozen=True, slots=True)
class SpanTemplate:
    """with_parent, as_root: how such a span begins, up to its trace id; middle: its name and kind; tail: what follows
    its times; event: (before its time, after it) of the exception, if any."""

    with_parent: bytes
    as_root: bytes
    middle: bytes
    tail: bytes
    event: tuple[bytes, bytes] | None


def template(words: SpanWords) -> SpanTemplate:
    """Of a kind of span."""
    middle = text(5, words.name) + number_field(6, words.kind)
    status = text(2, words.exception.message) if words.exception else b""
    tail = attributes(9, words.attributes) + (field(15, status + number_field(3, 2)) if words.error else b"")
    event = _event(words.exception) if words.exception else None
    size = _FIXED + len(middle) + len(tail) + len(_SAMPLED) + (len(event[0]) + 8 + len(event[1]) if event else 0)
    begin = (b"\x12" + length(size + extra) + _TRACE for extra in (10, 0))
    return SpanTemplate(next(begin), next(begin), middle, tail + _SAMPLED, event)


def span(shape: SpanTemplate, trace: bytes, own: bytes, parent: bytes, times: tuple[bytes, bytes]) -> bytes:
    """A span as the field (2) of its ScopeSpans. trace: 16 bytes, own: 8; parent: 8, or none; times: as fixed64."""
    start, end = times
    head = (shape.with_parent, trace, _SPAN, own, _PARENT, parent) if parent else (shape.as_root, trace, _SPAN, own)
    if shape.event is None:
        return b"".join((*head, shape.middle, _START, start, _END, end, shape.tail))
    before, after = shape.event
    return b"".join((*head, shape.middle, _START, start, _END, end, before, end, after, shape.tail))


def _event(thrown: Thrown) -> tuple[bytes, bytes]:
    """The event `exception`, whose time stands first. https://opentelemetry.io/docs/specs/semconv/exceptions/"""
    pairs = {"exception.type": thrown.type, "exception.message": thrown.message}
    stack = {"exception.stacktrace": thrown.stack} if thrown.stack else {}
    after = text(2, "exception") + attributes(3, pairs | stack)
    body = len(after) + len(fixed64(1, 0))
    return b"\x5a" + length(body) + b"\x09", after
