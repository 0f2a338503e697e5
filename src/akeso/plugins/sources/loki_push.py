"""What log shippers push to Grafana Loki. https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, LogBlock, TelemetryBatch, Times
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import LATEST
from akeso.protocols.json_body import parse_json
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

    A line's level is told by its metadata, the stream's labels, or the line itself. service_labels: the labels that may
    name the service, the first that is there decides.
    """

    name = "loki_push"
    paths = ("/loki/api/v1/push",)

    def __init__(self, service_labels: tuple[str, ...] = _SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._json = msgspec.json.Decoder(_Push)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source. Raises Forbidden for another tenant's name as well."""
        del table
        blocks: dict[tuple[str, Attributes], _Lines] = {}
        for labels, entries in self._streams(request):
            instance = first_of(labels, INSTANCES)
            origin = service_of(labels, self._service_labels), ((INSTANCE, instance),) if instance else ()
            _read(blocks.setdefault(origin, _Lines()), labels, entries)
        logs = tuple(_block(service, instance, lines) for (service, instance), lines in blocks.items() if lines.body)
        return Intake(TelemetryBatch(request.tenant, request.received_at, logs=logs), Answer(204))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A sentence, as Loki answers; 400 for what is wrong."""
        del request
        if status == 422:
            status = 413 if isinstance(error, TooLarge) else 400
        return Answer(status, str(error).encode("utf-8", "replace"), "text/plain; charset=utf-8")

    def _streams(self, request: IngestRequest) -> Iterator[tuple[Mapping[str, str], _Entries]]:
        match request.content_type:
            case "application/json":
                return ((each.stream, _columns(each.values)) for each in parse_json(self._json, request.body).streams)
            case "application/x-protobuf" | "":
                # Promtail compresses without saying so.
                body = request.body if request.headers.get("content-encoding") else unsnap(request.body)
                return _pushed(body)
            case _:
                raise InvalidInput("content-type", f"has to be {_JSON} or {_PROTOBUF}")


def _pushed(body: bytes) -> Iterator[tuple[Mapping[str, str], _Entries]]:
    check_fields(body, _MOST_LINES, "streams", (1,))
    for stream in parsed(_messages()["PushRequest"], body, "body").streams:
        check_fields(stream, _MOST_LINES, "streams.entries", (2,))
        message = parsed(_messages()["Stream"], stream, "streams")
        yield stream_labels(message.labels), _written(list(message.entries))


def _written(entries: Sequence[bytes]) -> _Entries:
    if max(map(len, entries), default=0) > _LARGEST_ENTRY:
        raise InvalidInput("streams.entries", f"hold one of more than {_LARGEST_ENTRY} bytes")
    fits, times, starts = entry_rows(entries)
    lines = [str(entry[start:], "utf-8", "replace") for entry, start in zip(entries, starts.tolist(), strict=True)]
    metadata = {}
    for index in np.flatnonzero(~fits).tolist():
        entry = parsed(_messages()["Entry"], entries[index], "streams.entries")
        times[index] = _instant(str(entry.timestamp.seconds * NANOSECONDS + entry.timestamp.nanos))
        lines[index] = entry.line.decode("utf-8", "replace")
        if entry.metadata:
            metadata[index] = {pair.name: pair.value for pair in entry.metadata}
    return _Entries(times, lines, metadata)


def _columns(entries: Sequence[_Entry]) -> _Entries:
    return _Entries(
        np.array([_instant(entry.at) for entry in entries], np.int64),
        [entry.line for entry in entries],
        {index: entry.metadata for index, entry in enumerate(entries) if entry.metadata},
    )


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
    if text.isascii() and text.isdigit() and len(text) <= 19 and (at := int(text)) <= LATEST:
        return at
    raise InvalidInput("streams.values", f"{text[:40]!r} is not an instant in nanoseconds between 1970 and 2262")


def _block(service: str, instance: Attributes, lines: _Lines) -> LogBlock:
    return LogBlock(
        service,
        np.concatenate(lines.times),
        np.array(lines.levels, np.uint8),
        tuple(lines.body),
        np.array(lines.traces, np.uint64),
        instance,
    )
