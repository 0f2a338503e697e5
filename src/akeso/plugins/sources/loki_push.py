"""What log shippers push to Grafana Loki. https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, LogBlock, Mask, TelemetryBatch, Times
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, Identity, IngestRequest, Intake
from akeso.protocols.digest import request_digest
from akeso.protocols.instant import EARLIEST, LATEST
from akeso.protocols.json_items import JsonItems, Part
from akeso.protocols.labels import SERVICE_LABELS, service_of
from akeso.protocols.loki.entry_rows import entry_rows
from akeso.protocols.loki.log_streams import (
    INSTANCES,
    LEVELS,
    TRACES,
    first_of,
    level_in,
    stream_labels,
    trace_in,
)
from akeso.protocols.otlp.signals import INSTANCE
from akeso.protocols.protobuf_schema import Field, check_fields, message_classes, parsed
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_number
from akeso.protocols.snappy import TooLarge, unsnap

# Those of the other sources, and those by which Loki itself finds a service's name.
_NAMES = ("application", "name", "container_name", "k8s_container_name", "component", "workload", "job", "k8s_job_name")
_SERVICE_LABELS = (*(label for label in SERVICE_LABELS if label != "job"), *_NAMES)
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_MOST_LINES = 500_000
_LARGEST_ENTRY = 2**19
_SCHEMA = {
    "PushRequest": {"streams": Field(1, "bytes", True)},
    "Stream": {"labels": Field(1, "string"), "entries": Field(2, "bytes", True)},
    # Lines are bytes: shippers pass on what a program wrote, and not every program writes UTF-8.
    "Entry": {"timestamp": Field(1, "Timestamp"), "line": Field(2, "bytes"), "metadata": Field(3, "Pair", True)},
    "Timestamp": {"seconds": Field(1, "int64"), "nanos": Field(2, "int32")},
    "Pair": {"name": Field(1, "string"), "value": Field(2, "string")},
}


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    at: str
    line: str
    metadata: dict[str, str] = {}


class _Stream(msgspec.Struct, frozen=True):
    stream: dict[str, str]
    values: list[_Entry]


class _Push(msgspec.Struct, frozen=True):
    streams: list[_Stream]


_PARTS = {_Push: (Part("streams", "streams", _Stream),), _Stream: (Part("values", "values", _Entry),)}


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Columns of one stream. metadata: of the lines that have any, by their index."""

    times: Times
    lines: list[str]
    metadata: Mapping[int, Mapping[str, str]]


@dataclass(slots=True)
class _Lines:
    """Columns of one block, piece by piece."""

    times: list[Times] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    traces: list[int] = field(default_factory=list)


class LokiPush:
    """Streams as protobuf or JSON; one block a service and instance.

    A line's level is told by its metadata, the stream's labels, or the line itself. Lines and streams that do not fit
    are left out and told with 400. service_labels: the labels that may name the service, the first that is there
    decides.
    """

    name = "loki_push"
    paths = ("/loki/api/v1/push",)

    def __init__(self, service_labels: tuple[str, ...] = _SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._json = JsonItems(_Push, _PARTS)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source. Raises Forbidden for another tenant's name as well."""
        del table
        rejections = Rejections()
        blocks: dict[tuple[str, Attributes], _Lines] = {}
        for labels, entries in self._streams(request, rejections):
            instance = first_of(labels, INSTANCES)
            origin = service_of(labels, self._service_labels), ((INSTANCE, instance),) if instance else ()
            _read(blocks.setdefault(origin, _Lines()), labels, entries)
        logs = tuple(_block(service, instance, lines) for (service, instance), lines in blocks.items() if lines.body)
        batch = TelemetryBatch(request.tenant, request.received_at, logs=logs)
        rejections.check(len(batch))
        # As Loki does it: what is good is stored, and the rest told with a status that is not tried again.
        answer = _said(400, rejections.sentence) if rejections else Answer(204)
        identity = Identity(request_digest(request), lines=True)
        return Intake(batch, answer, rejected=rejections.rejected, omitted=rejections.omitted, identity=identity)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A sentence, as Loki answers; 400 for what is wrong."""
        del request
        if status == 422:
            status = 413 if isinstance(error, TooLarge) else 400
        return _said(status, str(error))

    def _streams(self, request: IngestRequest, rejections: Rejections) -> Iterator[tuple[Mapping[str, str], _Entries]]:
        match request.content_type:
            case "application/json":
                return _told(self._json.decode(request.body, rejections), rejections)
            case "application/x-protobuf" | "":
                # Promtail compresses without saying so.
                body = request.body if request.headers.get("content-encoding") else unsnap(request.body)
                return _pushed(body, rejections)
            case _:
                raise InvalidInput("content-type", f"has to be {_JSON} or {_PROTOBUF}")


def _said(status: int, text: str) -> Answer:
    return Answer(status, text.encode("utf-8", "replace"), "text/plain; charset=utf-8")


def _told(push: _Push, rejections: Rejections) -> Iterator[tuple[Mapping[str, str], _Entries]]:
    for index, stream in enumerate(push.streams):
        yield stream.stream, _columns(stream.values, f"{rejections.place('streams', index)}.values", rejections)


def _pushed(body: bytes, rejections: Rejections) -> Iterator[tuple[Mapping[str, str], _Entries]]:
    check_fields(body, _MOST_LINES, "streams", (1,))
    for index, stream in enumerate(parsed(_messages()["PushRequest"], body, "body").streams):
        check_fields(stream, _MOST_LINES, "streams.entries", (2,))
        try:
            message = parsed(_messages()["Stream"], stream, "labels")
            labels = stream_labels(message.labels)
        except InvalidInput as bad:
            rejections.reject(f"streams[{index}]", bad)
            continue
        yield labels, _written(list(message.entries), f"streams[{index}].entries", rejections)


def _written(entries: Sequence[bytes], place: str, rejections: Rejections) -> _Entries:
    if max(map(len, entries), default=0) > _LARGEST_ENTRY:
        entries = _without_long(entries, place, rejections)
    fits, times, starts = entry_rows(entries)
    fits &= times >= EARLIEST
    lines = [str(entry[start:], "utf-8", "replace") for entry, start in zip(entries, starts.tolist(), strict=True)]
    metadata = {}
    keep = np.ones(len(entries), np.bool_)
    for index in np.flatnonzero(~fits).tolist():
        try:
            times[index], lines[index], more = _entry(entries[index])
        except InvalidInput as bad:
            rejections.reject(rejections.place(place, index), bad)
            keep[index] = False
            continue
        if more:
            metadata[index] = more
    return _kept(_Entries(times, lines, metadata), keep)


def _without_long(entries: Sequence[bytes], place: str, rejections: Rejections) -> Sequence[bytes]:
    for index, entry in enumerate(entries):
        if len(entry) > _LARGEST_ENTRY:
            long = InvalidInput("line", f"has {len(entry)} bytes; there may be {_LARGEST_ENTRY}")
            rejections.leave_out(place, index, long)
    return [entry for entry in entries if len(entry) <= _LARGEST_ENTRY]


def _entry(body: bytes) -> tuple[int, str, Mapping[str, str]]:
    """An entry's time (ns), line and metadata. Raises InvalidInput."""
    entry = parsed(_messages()["Entry"], body, "")
    at = _instant(str(entry.timestamp.seconds * NANOSECONDS + entry.timestamp.nanos))
    return at, entry.line.decode("utf-8", "replace"), {pair.name: pair.value for pair in entry.metadata}


def _columns(values: Sequence[_Entry], place: str, rejections: Rejections) -> _Entries:
    times = np.zeros(len(values), np.int64)
    keep = np.ones(len(values), np.bool_)
    for index, each in enumerate(values):
        try:
            times[index] = _instant(each.at)
        except InvalidInput as bad:
            rejections.reject(rejections.place(place, index), bad)
            keep[index] = False
    metadata = {index: each.metadata for index, each in enumerate(values) if each.metadata}
    return _kept(_Entries(times, [each.line for each in values], metadata), keep)


def _kept(entries: _Entries, keep: Mask) -> _Entries:
    if keep.all():
        return entries
    places = {index: place for place, index in enumerate(np.flatnonzero(keep).tolist())}
    lines = [entries.lines[index] for index in places]
    metadata = {places[index]: more for index, more in entries.metadata.items() if index in places}
    return _Entries(entries.times[keep], lines, metadata)


@cache
def _messages() -> dict[str, Any]:
    return message_classes("akeso.loki", _SCHEMA)


def _read(lines: _Lines, labels: Mapping[str, str], entries: _Entries) -> None:
    found = entries.lines
    if len(lines.body) + len(found) > _MOST_LINES:
        raise InvalidInput("streams", f"hold more than {_MOST_LINES} lines of one service")
    level, trace = severity_number(first_of(labels, LEVELS)), trace_in(first_of(labels, TRACES))
    own = {index: severity_number(first_of(metadata, LEVELS)) for index, metadata in entries.metadata.items()}
    levels = [level or own.get(index) or level_in(line) for index, line in enumerate(found)]
    traces = [trace] * len(found)
    for index, metadata in entries.metadata.items():
        levels[index] = own[index] or levels[index]
        traces[index] = trace_in(first_of(metadata, TRACES)) or trace
    lines.times.append(entries.times)
    lines.body += found
    lines.levels += levels
    lines.traces += traces


def _instant(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 19 and EARLIEST <= (at := int(text)) <= LATEST:
        return at
    raise InvalidInput("timestamp", f"{text[:40]!r} is not an instant in nanoseconds between 1990 and 2262")


def _block(service: str, instance: Attributes, lines: _Lines) -> LogBlock:
    return LogBlock(
        service,
        np.concatenate(lines.times),
        np.array(lines.levels, np.uint8),
        tuple(lines.body),
        np.array(lines.traces, np.uint64),
        instance,
    )
