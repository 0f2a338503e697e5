"""What Fluentd and Fluent Bit forward. https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, Identity, IngestRequest, Intake
from akeso.protocols.decompression import Refused, decompressed
from akeso.protocols.digest import request_digest
from akeso.protocols.instant import nanoseconds
from akeso.protocols.json_body import refuse_json
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.log_rows import Record, blocks_of
from akeso.protocols.loki.log_streams import INSTANCES, LEVELS, TRACES, first_of, level_in, trace_in
from akeso.protocols.msgpack_frames import message_end
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_number

_MOST = 200_000
_EVENT_TIME = 0
_TEXTS = ("log", "message", "msg", "MESSAGE")
# What Docker, Kubernetes and journald say besides.
_NAMES = (*SERVICE_LABELS, "container_name", "SYSLOG_IDENTIFIER")
_INSTANCES = (*INSTANCES, "pod_name", "container_id", "hostname", "host")


def _extension(code: int, data: memoryview) -> int:
    if code == _EVENT_TIME and len(data) == 8:
        return int.from_bytes(data[:4], "big") * NANOSECONDS + int.from_bytes(data[4:], "big")
    raise ValueError(f"an extension of type {code}")


_MESSAGE = msgspec.msgpack.Decoder(list[msgspec.Raw])
_VALUE: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ext_hook=_extension)


class FluentForward:
    """Log records in all four modes (message, forward, packed, compressed); what asks for an acknowledgement gets one.

    The record's text is its `log`, `message` or `msg`, else all of it as JSON. The service is named by a field of the
    record or of its Kubernetes labels, else by the tag; service_labels: the fields that may name it. The handshake with
    a shared key is not known.
    """

    name = "fluent_forward"
    paths = ("/api/v1/fluent",)

    def __init__(self, service_labels: tuple[str, ...] = _NAMES) -> None:
        self._service_labels = tuple(service_labels)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections, acks = Rejections(), list[bytes]()
        entries = _entries(request.body, acks, rejections)
        records = rejections.sift(entries, lambda entry: self._record(*entry, request, rejections))
        batch = TelemetryBatch(request.tenant, request.received_at, logs=blocks_of(records))
        rejections.check(len(batch) + len(acks))
        answer = Answer(200, b"".join(acks) or b"\xc0", "application/msgpack")
        # A chunk has a name of its own, by which the same is known when its acknowledgement was lost.
        identity = Identity(request_digest(replace(request, body=acks[0]))) if len(acks) == 1 else Identity()
        return Intake(batch, answer, rejected=rejections.rejected, omitted=rejections.omitted, identity=identity)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the entry."""
        del request
        return refuse_json(error, status)

    def _record(self, tag: str, body: bytes, request: IngestRequest, rejections: Rejections) -> Record:
        time, record = _pair(body)
        fields = _flat(record)
        text = first_of(fields, _TEXTS).rstrip("\n") or msgspec.json.encode(record).decode()
        level = severity_number(first_of(fields, LEVELS)) or level_in(text)
        named = service_of(fields, self._service_labels)
        service = (tag if named == UNKNOWN_SERVICE else named).lstrip("/")[:256] or UNKNOWN_SERVICE
        at = _at(time, request, rejections)
        return Record(service, first_of(fields, _INSTANCES), at, level, text, trace_in(first_of(fields, TRACES)))


def _entries(body: bytes, acks: list[bytes], rejections: Rejections) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Tag and `[time, record]` of each entry, behind its place."""
    left = _MOST
    for index, message in enumerate(_split(body)):
        try:
            parts = _parts(message)
            tag = str(_value(parts[0]))
            held, option = _held(parts)
        except InvalidInput as bad:
            rejections.reject(f"message {index}", bad)
            continue
        if (left := left - len(held)) < 0:
            raise InvalidInput("body", f"holds more than {_MOST} entries")
        yield from ((f"message {index} entry {place}", (tag, entry)) for place, entry in enumerate(held))
        if isinstance(chunk := option.get("chunk"), str | bytes):
            acks.append(msgspec.msgpack.encode({"ack": chunk}))


def _split(data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        end = message_end(data, place)
        if end < 0:
            raise InvalidInput("body", "ends within a message")
        yield data[place:end]
        place = end


def _parts(message: bytes) -> list[msgspec.Raw]:
    try:
        parts = _MESSAGE.decode(message)
    except (ValueError, RecursionError) as bad:
        raise InvalidInput("", "is no array") from bad
    if len(parts) < 2:
        raise InvalidInput("", "has neither a tag nor entries")
    return parts


def _held(parts: list[msgspec.Raw]) -> tuple[list[bytes], Mapping[str, Any]]:
    """The entries of a message, and its options."""
    first = bytes(parts[1])[0]
    if 0x90 <= first <= 0x9F or first in {0xDC, 0xDD}:
        return [bytes(each) for each in _MESSAGE.decode(bytes(parts[1]))], _option(parts, 2)
    packed = _value(parts[1])
    if isinstance(packed, str | bytes):
        option = _option(parts, 2)
        data = packed.encode("utf-8", "surrogateescape") if isinstance(packed, str) else packed
        return list(_split(_unpacked(data, option))), option
    if len(parts) < 3:
        raise InvalidInput("", "has a time and no record")
    return [b"\x92" + bytes(parts[1]) + bytes(parts[2])], _option(parts, 3)


def _unpacked(data: bytes, option: Mapping[str, Any]) -> bytes:
    told = option.get("compressed", "text")
    if told in {"text", ""}:
        return data
    try:
        return bytes(decompressed(data, str(told)))
    except Refused as refused:
        raise InvalidInput("option.compressed", str(refused.error)) from refused


def _option(parts: list[msgspec.Raw], place: int) -> Mapping[str, Any]:
    found = _value(parts[place]) if len(parts) > place else None
    return found if isinstance(found, dict) else {}


def _pair(body: bytes) -> tuple[Any, dict[str, Any]]:
    match _value(msgspec.Raw(body)):
        case [time, dict(record), *_]:  # Fluent Bit keeps metadata beside the time: [[time, {}], record]
            return time, record
        case _:
            raise InvalidInput("", "is not [time, record]")


def _value(raw: msgspec.Raw) -> Any:
    try:
        return _VALUE.decode(raw)
    except (ValueError, RecursionError) as bad:
        raise InvalidInput("", f"cannot be read: {bad}") from bad


def _flat(record: Mapping[Any, Any]) -> dict[str, str]:
    """Fields of text and numbers, those of `kubernetes` and its labels as well."""
    kubernetes = record.get("kubernetes")
    inner: dict[str, str] = {}
    if isinstance(kubernetes, dict):
        labels = kubernetes.get("labels")
        inner = _flat(kubernetes)
        if isinstance(labels, dict):
            inner |= {re.sub(r"[./-]", "_", str(name)): str(value) for name, value in labels.items()}
    own = {str(name): _text(value) for name, value in record.items() if isinstance(value, str | int | float | bytes)}
    return inner | own


def _text(value: str | float | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _at(time: Any, request: IngestRequest, rejections: Rejections) -> int:
    told = time[0] if isinstance(time, list) and time else time
    if isinstance(told, int | float) and not isinstance(told, bool) and told:
        try:
            return nanoseconds(told, "time")
        except InvalidInput:
            rejections.omit("time")
    return request.received_at
