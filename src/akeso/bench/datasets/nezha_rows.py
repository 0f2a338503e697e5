"""The CSV files of Nezha, decoded to the blocks that every source decodes to."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import (
    NANOSECONDS,
    LogBlock,
    MetricBlock,
    SeriesKey,
    SpanBlock,
    SpanKind,
    TelemetryBatch,
)
from akeso.domain.telemetry.series import SeriesTable
from akeso.protocols.loki.log_streams import level_in

TENANT = "bench"
_ROOT = "root"
_MINUTE = 60 * NANOSECONDS
# column of the set → the metric that it is by OpenTelemetry's conventions, its unit, and the factor to it
METRICS: Mapping[str, tuple[str, str, float]] = {
    "CpuUsageRate(%)": ("container.cpu.utilization", "1", 0.01),
    "MemoryUsageRate(%)": ("container.memory.utilization", "1", 0.01),
    "MemoryUsage(Mi)": ("container.memory.usage", "By", 2.0**20),
}


@dataclass(frozen=True, slots=True)
class Span:
    """One row of a trace file. start, end: ns; parent: 0 at the root."""

    service: str
    operation: str
    trace: int
    span: int
    parent: int
    start: int
    end: int
    kind: int = SpanKind.INTERNAL


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a log file. time: ns."""

    service: str
    trace: int
    span: int
    time: int
    text: str


_Row = TypeVar("_Row", Span, Line)


def service_of(pod: str) -> str:
    """A pod's name without its two hash parts."""
    return pod.rsplit("-", 2)[0]


def read_spans(paths: Iterable[Path]) -> list[Span]:
    """The spans of some minutes, each once. The set tells no kinds: they follow from who is whose parent."""
    found = {
        (row["TraceID"], row["SpanID"]): Span(
            service=service_of(row["PodName"]),
            operation=row["OperationName"],
            trace=_id(path, row["TraceID"]),
            span=_id(path, row["SpanID"]),
            parent=0 if row["ParentID"] == _ROOT else _id(path, row["ParentID"]),
            start=int(row["StartTimeUnixNano"]),
            end=int(row["EndTimeUnixNano"]),
        )
        for path in paths
        for row in _rows(path)
    }
    return _with_kinds(list(found.values()))


def read_lines(paths: Iterable[Path]) -> list[Line]:
    """The log lines of some minutes, each once."""
    found = {
        Line(
            service=service_of(row["PodName"]),
            trace=_id(path, row["TraceID"]),
            span=_id(path, row["SpanID"]),
            time=int(row["TimeUnixNano"]),
            text=_text(row["Log"]),
        )
        for path in paths
        for row in _rows(path)
    }
    return list(found)


def read_metrics(folder: Path, start: int, end: int, table: SeriesTable) -> MetricBlock:
    """What the pods measured since `start` and up to the end of the minute of `end` (ns); a row tells of the minute
    before it, so that the last one is as of `end`."""
    first, last = start // NANOSECONDS, (end // _MINUTE + 1) * _MINUTE // NANOSECONDS
    series, times, values = [], [], []
    for path in sorted(folder.glob("*_metric.csv")):
        for row in _rows(path):
            at = int(float(row["TimeStamp"]))
            if not first <= at < last:
                continue
            for column, (metric, unit, factor) in METRICS.items():
                series.append(table.intern(SeriesKey(TENANT, service_of(row["PodName"]), metric, unit=unit)))
                times.append(min(at * NANOSECONDS, end))
                values.append(factor * float(row.get(column) or "nan"))
    return MetricBlock(np.array(series, np.int32), np.array(times, np.int64), np.array(values, np.float64))


def by_second(spans: Sequence[Span], lines: Sequence[Line], metrics: MetricBlock) -> Iterator[TelemetryBatch]:
    """All of it as it would have arrived: a batch a second, spans when they end."""
    ended, said = defaultdict(list), defaultdict(list)
    for span in spans:
        ended[span.end // NANOSECONDS].append(span)
    for line in lines:
        said[line.time // NANOSECONDS].append(line)
    measured = metrics.time // NANOSECONDS
    for second in sorted({*ended, *said, *measured.tolist()}):
        yield TelemetryBatch(
            TENANT,
            (second + 1) * NANOSECONDS,
            metrics.where(measured == second),
            tuple(_log_blocks(sorted(said[second], key=lambda line: line.time))),
            tuple(_span_blocks(ended[second])),
        )


def _with_kinds(spans: list[Span]) -> list[Span]:
    by_id = {span.span: span for span in spans}
    kinds: dict[int, int] = {}
    for span in spans:
        parent = by_id.get(span.parent)
        if parent is None:
            kinds[span.span] = SpanKind.SERVER
        elif parent.service != span.service:
            # Who does not wait for the other to end has only left a message.
            waits = parent.end > span.start
            kinds[span.span] = SpanKind.SERVER if waits else SpanKind.CONSUMER
            kinds[parent.span] = SpanKind.CLIENT if waits else SpanKind.PRODUCER
    return [replace(span, kind=kinds.get(span.span, SpanKind.INTERNAL)) for span in spans]


def _span_blocks(spans: Sequence[Span]) -> Iterator[SpanBlock]:
    for service, mine in _by_service(spans).items():
        operations = {name: i for i, name in enumerate(dict.fromkeys(span.operation for span in mine))}
        yield SpanBlock(
            service=service,
            operations=tuple(operations),
            peers=("",),
            trace=np.array([span.trace for span in mine], np.uint64),
            span=np.array([span.span for span in mine], np.uint64),
            parent=np.array([span.parent for span in mine], np.uint64),
            operation=np.array([operations[span.operation] for span in mine], np.int32),
            peer=np.zeros(len(mine), np.int32),
            kind=np.array([span.kind for span in mine], np.uint8),
            start=np.array([span.start for span in mine], np.int64),
            duration=np.array([max(0, span.end - span.start) for span in mine], np.int64),
            error=np.zeros(len(mine), np.bool_),
        )


def _log_blocks(lines: Sequence[Line]) -> Iterator[LogBlock]:
    for service, mine in _by_service(lines).items():
        yield LogBlock(
            service,
            np.array([line.time for line in mine], np.int64),
            np.array([level_in(line.text) for line in mine], np.uint8),
            tuple(line.text for line in mine),
            np.array([line.trace for line in mine], np.uint64),
            span=np.array([line.span for line in mine], np.uint64),
        )


def _by_service(rows: Sequence[_Row]) -> Mapping[str, list[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.service].append(row)
    return found


def _text(cell: str) -> str:
    """What the container runtime wrapped, on one line."""
    try:
        return str(json.loads(cell)["log"]).strip()
    except (ValueError, KeyError, TypeError):
        return cell.strip()


def _id(path: Path, text: str) -> int:
    try:
        return int(text[-16:], 16)
    except ValueError as bad:
        raise InvalidInput(str(path), f"{text!r} is no id in hexadecimal") from bad


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def instant(text: str) -> int:
    """ns of a time in UTC as the set writes it."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NANOSECONDS
