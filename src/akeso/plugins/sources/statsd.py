"""StatsD's lines, with DogStatsD's tags. https://github.com/statsd/statsd/blob/master/docs/metric_types.md"""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import MetricBlock, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.alert_webhook import tagged
from akeso.protocols.dotted_names import dotted_key, lines_in
from akeso.protocols.json_body import refuse_json
from akeso.protocols.json_items import accept_items
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.rejections import Rejections
from akeso.protocols.series_limit import sift_series

_LINE = re.compile(r"(?P<name>[^:|]+):(?P<values>[^|]+)\|(?P<type>ms|[cghds])(?P<rest>(?:\|[^|]*)*)")
_BOUNDS = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0, math.inf)
_MOST_LEVELS = 100_000
_MOST_VALUES = 1_000
_UNITS = {"ms": "ms"}


@dataclass(slots=True)
class _Sums:
    """What the lines of one request add up to."""

    counters: dict[SeriesKey, float] = field(default_factory=lambda: defaultdict(float))
    levels: dict[SeriesKey, float] = field(default_factory=dict)
    sets: dict[SeriesKey, set[str]] = field(default_factory=lambda: defaultdict(set))


class Statsd:
    """Counters and timings as sums since the request before, levels, and how many different values a set had.

    Lines of one request are added up, so a listener that gathers a second's lines makes one point a series of them.
    Timings, histograms and distributions become a count, a sum and buckets. `+3` and `-3` move a level that was told
    before. The service is named by a tag, else by the part of the name at `service_segment` (from 0). service_labels:
    the tags that may name it. Events and service checks of DogStatsD are not taken.
    """

    name = "statsd"
    paths = ("/api/v1/statsd",)
    plain_text = True

    def __init__(self, service_segment: int = 0, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._segment, self._service_labels = service_segment, tuple(service_labels)
        self._levels: dict[SeriesKey, float] = {}

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        rejections, sums = Rejections(), _Sums()
        lines = rejections.sift(lines_in(request.body), lambda line: self._take(line, request.tenant, sums))
        rejections.check(len(lines))
        told = _block(sums, table, request.received_at)
        block = sift_series(told, table, request.tenant, rejections)
        batch = TelemetryBatch(request.tenant, request.received_at, metrics=block)
        return accept_items(batch, rejections, len(lines))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the line."""
        del request
        return refuse_json(error, status)

    def _take(self, line: str, tenant: str, sums: _Sums) -> None:
        found = _LINE.fullmatch(line)
        if found is None:
            raise InvalidInput("", "is not `name:value|type`")
        parts = found["rest"].split("|")[1:]
        tags = tagged(next((part[1:] for part in parts if part.startswith("#")), "").split(","))
        rate = _rate(next((part[1:] for part in parts if part.startswith("@")), "1"))
        key = dotted_key(tenant, found["name"].strip(), tags, self._segment, self._service_labels)
        values = found["values"].split(":")
        if len(values) > _MOST_VALUES:
            raise InvalidInput("value", f"are {len(values)}; there may be {_MOST_VALUES}")
        match found["type"]:
            case "s":
                sums.sets[key].update(values)
            case "g":
                self._level(key, values[-1], sums)
            case "c":
                counter = replace(key, temporality=Temporality.DELTA)
                sums.counters[counter] += sum(map(_number, values)) / rate
            case kind:
                _time([_number(value) for value in values], rate, replace(key, unit=_UNITS.get(kind, "")), sums)

    def _level(self, key: SeriesKey, written: str, sums: _Sums) -> None:
        value = _number(written)
        if written[0] in "+-":
            value += self._levels.get(key, 0.0)
        if key in self._levels or len(self._levels) < _MOST_LEVELS:
            self._levels[key] = value
        sums.levels[key] = value


def _time(values: list[float], rate: float, key: SeriesKey, sums: _Sums) -> None:
    distribution = replace(key, temporality=Temporality.DELTA)
    sums.counters[replace(distribution, stat="count")] += len(values) / rate
    sums.counters[replace(distribution, stat="sum")] += sum(values) / rate
    for place, bound in enumerate(_BOUNDS):
        mark = ("le", "+Inf" if bound == math.inf else str(bound))
        bucket = replace(distribution, stat="bucket", attributes=tuple(sorted((*key.attributes, mark))))
        sums.counters[bucket] += sum(bisect_left(_BOUNDS, value) <= place for value in values) / rate


def _block(sums: _Sums, table: SeriesTable, at: int) -> MetricBlock:
    rows = list(_rows(sums))
    return MetricBlock(
        table.intern_all(key for key, _ in rows),
        np.full(len(rows), at, np.int64),
        np.array([value for _, value in rows], np.float64),
    )


def _rows(sums: _Sums) -> Iterator[tuple[SeriesKey, float]]:
    yield from sums.counters.items()
    yield from sums.levels.items()
    yield from ((key, float(len(values))) for key, values in sums.sets.items())


def _number(written: str) -> float:
    try:
        value = float(written)
    except ValueError as bad:
        raise InvalidInput("value", f"{written[:40]!r} is no number") from bad
    if not math.isfinite(value):
        raise InvalidInput("value", "is not finite")
    return value


def _rate(written: str) -> float:
    rate = _number(written)
    if not 0 < rate <= 1:
        raise InvalidInput("rate", "has to be more than 0 and at most 1")
    return rate
