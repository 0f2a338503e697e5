"""OpenTelemetry metrics over OTLP/HTTP."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, repeat
from typing import Any, TypeAlias

import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import Attributes, MetricBlock, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.otlp import signals as otlp
from akeso.protocols.otlp.any_value import text
from akeso.protocols.otlp.encoding import encoding_of, encoding_or_json
from akeso.protocols.otlp.exponential_histogram import Range, mirrored, ranges, zero
from akeso.protocols.otlp.number_rows import NumberRows
from akeso.protocols.series_limit import within_limit

_Ids: TypeAlias = dict[Hashable, tuple[int, ...]]
_Parts: TypeAlias = tuple[str, str, tuple[float, ...]]  # the stat and the attribute of a point's parts, and its values

_Head: TypeAlias = tuple[str, str, str, Attributes, str, Temporality]  # the first fields of a SeriesKey

_MOMENTS: _Parts = ("range", "", ())
_NO_RECORDED_VALUE = 1
_NUMBERS = frozenset({"gauge", "sum"})
_TEMPORALITIES = {1: Temporality.DELTA, 2: Temporality.CUMULATIVE}


class OtlpMetrics:
    """Gauges, sums, histograms and summaries of both encodings.

    A label set's bytes are the key under which its series are known, so that a known series costs a look-up.
    known_limit: label sets remembered that way before the memory starts anew. Points that are not finite or say that
    they hold no value are skipped; sums and histograms without temporality and histograms whose buckets do not fit
    their bounds or their scale are rejected with partial success, and so are series beyond the tenant's limit.
    """

    name = "otlp_metrics"
    paths = ("/v1/metrics",)

    def __init__(self, known_limit: int = 200_000) -> None:
        self._known = _KnownSeries(known_limit)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        encoding = encoding_of(request)
        message = encoding.parse("metrics", request.body)
        reader = _Reader(encoding, self._known.of(table), request.tenant)
        for resource in message.resource_metrics:
            service, instance = otlp.origin(resource.resource)
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    reader.read(metric, service, instance)
        told = reader.block(request.received_at)
        block, beyond = within_limit(told, table, request.tenant)
        rejected, reason = reader.rejected + len(told) - len(block), reader.reason or beyond
        batch = TelemetryBatch(request.tenant, request.received_at, metrics=block)
        return Intake(batch, otlp.accept(encoding, "metrics", rejected, reason))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A google.rpc.Status."""
        return otlp.refuse(encoding_or_json(request), error, status)


@dataclass(slots=True)
class _KnownSeries:
    """Series ids by metric and label set, for one table; the first level is a metric of a service. Of the label sets of
    plain numbers only the hash is kept (see akeso.protocols.known_series)."""

    limit: int
    table: SeriesTable | None = None
    ids: dict[Hashable, _Ids] = field(default_factory=dict)
    size: int = 0

    def of(self, table: SeriesTable) -> "_KnownSeries":
        if table is not self.table or self.size > self.limit:
            self.table, self.ids, self.size = table, {}, 0
        return self

    def key(self, series: int) -> SeriesKey:
        assert self.table is not None
        return self.table[series]

    def learn(self, known: _Ids, key: Hashable, keys: Iterable[SeriesKey]) -> tuple[int, ...]:
        assert self.table is not None
        found = known[key] = tuple(map(self.table.intern, keys))
        self.size += len(found)
        return found


class _Reader:
    """Collects the columns of one request."""

    def __init__(self, encoding: otlp.Encoding, series: _KnownSeries, tenant: str) -> None:
        self.rejected, self.reason = 0, ""
        self._encoding, self._series, self._tenant = encoding, series, tenant
        self._rows = NumberRows()
        self._ids: list[int] = []
        self._times: list[int] = []
        self._values: list[float] = []

    def block(self, received_at: int) -> MetricBlock:
        """The columns without what is no number."""
        ids, times, values = self._rows.columns()
        value = np.concatenate((values, np.array(self._values, np.float64)))
        stamps = np.concatenate((times, np.array(self._times, np.uint64)))
        time = otlp.times(stamps, received_at, "timeUnixNano")
        series = np.concatenate((ids, np.array(self._ids, np.int32)))
        finite = np.isfinite(value)
        return MetricBlock(series[finite], time[finite], value[finite])

    def read(self, metric: Any, service: str, instance: Attributes) -> None:
        """Take in one metric."""
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        temporality = _temporality(kind, data)
        if temporality is None:
            self._reject(len(data.data_points), f"{metric.name}: no aggregation temporality")
            return
        head = (self._tenant, service, metric.name, instance, metric.unit, temporality)
        known = self._series.ids.setdefault((head, kind), {})
        if kind in _NUMBERS:
            self._numbers(data.data_points, head, known)
            return
        key = SeriesKey(*head)
        points = [point for point in data.data_points if not point.flags & _NO_RECORDED_VALUE]
        match kind:
            case "summary":
                self._summaries(points, key, known)
            case "histogram":
                self._histograms(points, key, known)
            case _:
                self._exponentials(points, key, known)

    def _numbers(self, points: Sequence[Any], head: _Head, known: _Ids) -> None:
        encoding = self._encoding
        left = self._rows.take(points, known) if points and isinstance(points[0], bytes) else points
        for point in map(encoding.number, left):
            if point.flags & _NO_RECORDED_VALUE:
                continue
            labels = encoding.label_key(point)
            identity = hash(encoding.identity(labels))
            found = known.get(identity)
            if found is None:
                found = self._series.learn(known, identity, (self._labelled(SeriesKey(*head), labels),))
            self._ids.append(found[0])
            self._times.append(point.time_unix_nano)
            self._values.append(point.as_double or point.as_int or _zero(point))

    def _histograms(self, points: Sequence[Any], key: SeriesKey, known: _Ids) -> None:
        for point in points:
            counts = point.bucket_counts
            bounds = (*point.explicit_bounds, math.inf) if counts else ()
            if len(counts) != len(bounds):
                self._reject(1, f"{key.metric}: {len(counts)} buckets for {len(bounds)} bounds")
                continue
            values = (float(point.count), self._encoding.sum_of(point), *map(float, accumulate(counts)))
            self._several(point, key, known, ("bucket", "le", bounds), values)

    def _exponentials(self, points: Sequence[Any], key: SeriesKey, known: _Ids) -> None:
        for point in points:
            try:
                found = tuple(_ranges(point))
            except InvalidInput as bad:
                self._reject(1, f"{key.metric}: {bad}")
                continue
            values = (float(point.count), self._encoding.sum_of(point))
            count, _ = self._several(point, key, known, _MOMENTS, values)
            self._ids.extend(self._ranged(count, known, each) for each, _ in found)
            self._times.extend(repeat(point.time_unix_nano, len(found)))
            self._values.extend(inside for _, inside in found)

    def _ranged(self, count: int, known: _Ids, each: Range) -> int:
        """The series of a range of the histogram whose observations the series `count` counts."""
        found = known.get((count, each))
        if found is None:
            found = self._series.learn(known, (count, each), (_range_of(self._series.key(count), each),))
        return found[0]

    def _summaries(self, points: Sequence[Any], key: SeriesKey, known: _Ids) -> None:
        for point in points:
            shares = tuple(each.quantile for each in point.quantile_values)
            values = (float(point.count), float(point.sum), *(each.value for each in point.quantile_values))
            self._several(point, key, known, ("quantile", "quantile", shares), values)

    def _several(
        self, point: Any, key: SeriesKey, known: _Ids, parts: _Parts, values: Sequence[float]
    ) -> tuple[int, ...]:
        identity = (self._encoding.label_key(point), parts)
        found = known.get(identity)
        if found is None:
            found = self._series.learn(known, identity, _spread(self._labelled(key, identity[0]), parts))
        self._ids.extend(found)
        self._times.extend(repeat(point.time_unix_nano, len(found)))
        self._values.extend(values)
        return found

    def _labelled(self, key: SeriesKey, labels: Any) -> SeriesKey:
        found = {item.key: text(item.value) for item in self._encoding.labels(labels)}
        found.pop("service.name", None)
        return replace(key, attributes=tuple(sorted((found | dict(key.attributes)).items())))

    def _reject(self, points: int, reason: str) -> None:
        self.rejected += points
        self.reason = self.reason or reason


def _temporality(kind: str, data: Any) -> Temporality | None:
    match kind:
        case "gauge":
            return Temporality.GAUGE
        case "summary":
            return Temporality.CUMULATIVE
        case _:
            found = _TEMPORALITIES.get(data.aggregation_temporality)
    # A cumulative sum that may fall is a level: connections in use, queue length.
    falls = kind == "sum" and not data.is_monotonic and found is Temporality.CUMULATIVE
    return Temporality.GAUGE if falls else found


def _zero(point: Any) -> float:
    if point.WhichOneof("value") is None:
        raise InvalidInput("dataPoints", "a point has neither a value nor the flag that it has none")
    return 0.0


def _ranges(point: Any) -> Iterator[tuple[Range, float]]:
    """The occupied ranges of an exponential histogram. Raises InvalidInput."""
    positive, negative = point.positive, point.negative
    yield from mirrored(ranges(point.scale, negative.offset, negative.bucket_counts))
    yield from zero(point.zero_threshold, point.zero_count)
    yield from ranges(point.scale, positive.offset, positive.bucket_counts)


def _range_of(count: SeriesKey, each: Range) -> SeriesKey:
    bounds = {name: _mark(bound) for name, bound in zip(("gt", "le"), each, strict=True)}
    return replace(count, stat="range", attributes=tuple(sorted((dict(count.attributes) | bounds).items())))


def _mark(bound: float) -> str:
    return "+Inf" if bound == math.inf else str(float(bound))


def _spread(key: SeriesKey, parts: _Parts) -> Iterable[SeriesKey]:
    """The count, the sum, and one series a part. Quantiles are levels, whatever the summary is."""
    stat, name, marks = parts
    yield replace(key, stat="count")
    yield replace(key, stat="sum")
    temporality = Temporality.GAUGE if stat == "quantile" else key.temporality
    for mark in marks:
        label = (name, _mark(mark))
        attributes = tuple(sorted((dict(key.attributes) | dict([label])).items()))
        yield replace(key, stat=stat, temporality=temporality, attributes=attributes)
