"""OpenTelemetry metrics over OTLP/HTTP."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, repeat
from typing import Any, TypeAlias

import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import Attributes, Ids, MetricBlock, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import IMPOSSIBLE
from akeso.protocols.otlp import signals as otlp
from akeso.protocols.otlp.any_value import text
from akeso.protocols.otlp.encoding import encoding_of, encoding_or_json
from akeso.protocols.otlp.exponential_histogram import Range, mirrored, ranges, zero
from akeso.protocols.otlp.number_rows import NumberRows
from akeso.protocols.rejections import Rejections
from akeso.protocols.series_limit import sift_series

_Known: TypeAlias = dict[Hashable, tuple[int, ...]]
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
    their bounds or their scale are rejected with partial success, and so are series beyond the tenant's limit and
    points that cannot be read.
    """

    name = "otlp_metrics"
    paths = ("/v1/metrics",)

    def __init__(self, known_limit: int = 200_000) -> None:
        self._known = _KnownSeries(known_limit)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        encoding, rejections = encoding_of(request), Rejections()
        message = encoding.parse("metrics", request.body, rejections)
        reader = _Reader(encoding, self._known.of(table), request.tenant, rejections)
        for index, resource in enumerate(message.resource_metrics):
            try:
                service, instance = otlp.origin(resource.resource)
            except InvalidInput as bad:
                rejections.reject(rejections.place("resourceMetrics", index), bad, _size(resource))
                continue
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    reader.read(metric, service, instance)
        told = reader.block(request.received_at)
        rejections.check(len(told) + reader.understood)
        block = sift_series(told, table, request.tenant, rejections)
        batch = TelemetryBatch(request.tenant, request.received_at, metrics=block)
        return otlp.taken(encoding, "metrics", batch, request, rejections)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A google.rpc.Status."""
        return otlp.refuse(encoding_or_json(request), error, status)


@dataclass(slots=True)
class _KnownSeries:
    """Series ids by metric and label set, for one table; the first level is a metric of a service. Of the label sets of
    plain numbers only the hash is kept (see akeso.protocols.known_series)."""

    limit: int
    table: SeriesTable | None = None
    ids: dict[Hashable, _Known] = field(default_factory=dict)
    size: int = 0

    def of(self, table: SeriesTable) -> "_KnownSeries":
        if table is not self.table or self.size > self.limit:
            self.table, self.ids, self.size = table, {}, 0
        return self

    def key(self, series: int) -> SeriesKey:
        assert self.table is not None
        return self.table[series]

    def learn(self, known: _Known, key: Hashable, keys: Iterable[SeriesKey]) -> tuple[int, ...]:
        assert self.table is not None
        found = known[key] = tuple(map(self.table.intern, keys))
        self.size += len(found)
        return found


class _Reader:
    """Collects the columns of one request."""

    def __init__(self, encoding: otlp.Encoding, series: _KnownSeries, tenant: str, rejections: Rejections) -> None:
        self.understood = 0  # points that are rejected though nothing is wrong with how they are written
        self._rejections = rejections
        self._encoding, self._series, self._tenant = encoding, series, tenant
        self._rows = NumberRows()
        self._ids: list[int] = []
        self._times: list[int] = []
        self._values: list[float] = []
        self._takers = {
            "summary": self._summary,
            "histogram": self._histogram,
            "exponential_histogram": self._exponential,
        }

    def block(self, received_at: int) -> MetricBlock:
        """The columns without what is no number."""
        ids, times, values = self._rows.columns()
        value = np.concatenate((values, np.array(self._values, np.float64)))
        stamps = np.concatenate((times, np.array(self._times, np.uint64)))
        time, can_be = otlp.times(stamps, received_at)
        series = np.concatenate((ids, np.array(self._ids, np.int32)))
        if not can_be.all():
            self._reject_late(series[~can_be])
        keep = np.isfinite(value) & can_be
        return MetricBlock(series[keep], time[keep], value[keep])

    def _reject_late(self, series: Ids) -> None:
        for each, count in zip(*np.unique(series, return_counts=True), strict=True):
            late = InvalidInput("timeUnixNano", IMPOSSIBLE)
            self._rejections.reject(self._series.key(int(each)).metric, late, int(count))

    def read(self, metric: Any, service: str, instance: Attributes) -> None:
        """Take in one metric."""
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        temporality = _temporality(kind, data)
        if temporality is None:
            self._reject(len(data.data_points), metric.name, "no aggregation temporality")
            return
        head = (self._tenant, service, metric.name, instance, metric.unit, temporality)
        known = self._series.ids.setdefault((head, kind), {})
        if kind in _NUMBERS:
            self._numbers(data.data_points, head, known)
            return
        key = SeriesKey(*head)
        take = self._takers[kind]
        for point in data.data_points:
            if point.flags & _NO_RECORDED_VALUE:
                continue
            try:
                take(point, key, known)
            except InvalidInput as bad:
                self._rejections.reject(key.metric, bad)

    def _numbers(self, points: Sequence[Any], head: _Head, known: _Known) -> None:
        encoding = self._encoding
        left = self._rows.take(points, known) if points and isinstance(points[0], bytes) else points
        for told in left:
            try:
                self._number(encoding.number(told), head, known)
            except InvalidInput as bad:
                self._rejections.reject(head[2], bad)

    def _number(self, point: Any, head: _Head, known: _Known) -> None:
        if point.flags & _NO_RECORDED_VALUE:
            return
        if point.exemplars:
            self._rejections.omit("exemplars", len(point.exemplars))
        value = point.as_double or point.as_int or _zero(point)
        labels = self._encoding.label_key(point)
        identity = hash(self._encoding.identity(labels))
        found = known.get(identity)
        if found is None:
            found = self._series.learn(known, identity, (self._labelled(SeriesKey(*head), labels),))
        self._ids.append(found[0])
        self._times.append(point.time_unix_nano)
        self._values.append(value)

    def _histogram(self, point: Any, key: SeriesKey, known: _Known) -> None:
        if point.exemplars:
            self._rejections.omit("exemplars", len(point.exemplars))
        counts = point.bucket_counts
        bounds = (*point.explicit_bounds, math.inf) if counts else ()
        if len(counts) != len(bounds):
            self._reject(1, key.metric, f"{len(counts)} buckets for {len(bounds)} bounds")
            return
        values = (float(point.count), self._encoding.sum_of(point), *map(float, accumulate(counts)))
        self._several(point, key, known, ("bucket", "le", bounds), values)

    def _exponential(self, point: Any, key: SeriesKey, known: _Known) -> None:
        if point.exemplars:
            self._rejections.omit("exemplars", len(point.exemplars))
        try:
            found = tuple(_ranges(point))
        except InvalidInput as bad:
            self._reject(1, key.metric, str(bad))
            return
        values = (float(point.count), self._encoding.sum_of(point))
        count, _ = self._several(point, key, known, _MOMENTS, values)
        self._ids.extend(self._ranged(count, known, each) for each, _ in found)
        self._times.extend(repeat(point.time_unix_nano, len(found)))
        self._values.extend(inside for _, inside in found)

    def _ranged(self, count: int, known: _Known, each: Range) -> int:
        """The series of a range of the histogram whose observations the series `count` counts."""
        found = known.get((count, each))
        if found is None:
            found = self._series.learn(known, (count, each), (_range_of(self._series.key(count), each),))
        return found[0]

    def _summary(self, point: Any, key: SeriesKey, known: _Known) -> None:
        shares = tuple(each.quantile for each in point.quantile_values)
        values = (float(point.count), float(point.sum), *(each.value for each in point.quantile_values))
        self._several(point, key, known, ("quantile", "quantile", shares), values)

    def _several(
        self, point: Any, key: SeriesKey, known: _Known, parts: _Parts, values: Sequence[float]
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

    def _reject(self, points: int, metric: str, reason: str) -> None:
        if points:
            self.understood += points
            self._rejections.reject(metric, InvalidInput("", reason), points)


def _size(resource: Any) -> int:
    """How many points a resource has."""
    metrics = [metric for scope in resource.scope_metrics for metric in scope.metrics]
    kinds = [(metric, metric.WhichOneof("data")) for metric in metrics]
    return sum(len(getattr(metric, kind).data_points) for metric, kind in kinds if kind)


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
