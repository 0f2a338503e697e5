"""What a recording looks like, in numbers that can stand beside those of another: rates, sizes, cadences, latencies."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, LogBlock, MetricBlock, SpanBlock, SpanKind, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable

_MS = 1e6
_ERROR_SEVERITY = 17
Portrait = Mapping[str, float]
"""Name with unit → number; what a recording has nothing of is left out."""


@dataclass(slots=True)
class _Seen:
    # Points' times by series, and of each service its spans and lines.
    times: defaultdict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    durations: list[np.ndarray] = field(default_factory=list)
    errors: list[np.ndarray] = field(default_factory=list)
    spans: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    lines: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    lengths: list[int] = field(default_factory=list)
    severe: int = 0
    batches: int = 0
    first: int = 2**62
    last: int = 0


def portrait(batches: Iterable[TelemetryBatch], table: SeriesTable) -> Portrait:
    """Of telemetry whose series are interned in `table`."""
    seen = _Seen()
    for batch in batches:
        seen.batches += 1
        seen.first, seen.last = min(seen.first, batch.received_at), max(seen.last, batch.received_at)
        _take_metrics(seen, batch.metrics)
        for spans in batch.spans:
            _take_spans(seen, spans)
        for logs in batch.logs:
            _take_logs(seen, logs)
    if not seen.batches:
        return {}
    lasted = max((seen.last - seen.first) / NANOSECONDS, 1.0)
    return dict(_of_metrics(seen, table)) | dict(_of_spans(seen, lasted)) | dict(_of_logs(seen, lasted))


def _take_metrics(seen: _Seen, block: MetricBlock) -> None:
    if not len(block):
        return
    order = np.argsort(block.series, kind="stable")
    series, times = block.series[order], block.time[order]
    cuts = np.flatnonzero(np.diff(series)) + 1
    for part, own in zip(np.split(times, cuts), series[np.concatenate([[0], cuts])].tolist(), strict=True):
        seen.times[own].append(part)


def _take_spans(seen: _Seen, block: SpanBlock) -> None:
    seen.spans[block.service] += len(block.span)
    served = block.kind == SpanKind.SERVER
    seen.durations.append(block.duration[served] / _MS)
    seen.errors.append(block.error[served])


def _take_logs(seen: _Seen, block: LogBlock) -> None:
    seen.lines[block.service] += len(block)
    seen.lengths += [len(line.encode()) for line in block.body]
    seen.severe += int((block.severity >= _ERROR_SEVERITY).sum())


def _of_metrics(seen: _Seen, table: SeriesTable) -> Iterator[tuple[str, float]]:
    if not seen.times:
        return
    by_service: defaultdict[str, set[int]] = defaultdict(set)
    names: defaultdict[str, set[str]] = defaultdict(set)
    for series in seen.times:
        by_service[table[series].service].add(series)
        names[table[series].service].add(table[series].metric)
    yield "series a service, median", float(np.median([len(found) for found in by_service.values()]))
    yield "series a service, most", float(max(len(found) for found in by_service.values()))
    yield "metric names a service, median", float(np.median([len(found) for found in names.values()]))
    yield "points of a batch", sum(len(part) for parts in seen.times.values() for part in parts) / seen.batches
    gaps = [np.diff(np.unique(np.concatenate(parts))) for parts in seen.times.values()]
    usual = [float(np.median(gap)) / NANOSECONDS for gap in gaps if len(gap)]
    if usual:
        yield "seconds between points, median", float(np.median(usual))
        yield "seconds between points, 90 %", float(np.quantile(usual, 0.9))


def _of_spans(seen: _Seen, lasted: float) -> Iterator[tuple[str, float]]:
    durations = np.concatenate(seen.durations) if seen.durations else np.empty(0)
    if not len(durations):
        return
    middle, high, highest = np.quantile(durations, (0.5, 0.95, 0.99))
    yield "spans a second and service", sum(seen.spans.values()) / lasted / len(seen.spans)
    yield "server spans, median ms", float(middle)
    yield "server spans, p95 / median", float(high / max(middle, 1e-3))
    yield "server spans, p99 / median", float(highest / max(middle, 1e-3))
    yield "server spans in error", float(np.concatenate(seen.errors).mean())


def _of_logs(seen: _Seen, lasted: float) -> Iterator[tuple[str, float]]:
    if not seen.lengths:
        return
    yield "lines a second and service", len(seen.lengths) / lasted / len(seen.lines)
    yield "bytes of a line, median", float(np.median(seen.lengths))
    yield "lines that are errors", seen.severe / len(seen.lengths)
