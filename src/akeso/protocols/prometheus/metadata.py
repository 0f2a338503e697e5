"""What Prometheus' metadata says of metrics, and the series that follow from it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import IntEnum

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey
from akeso.protocols.prometheus.exposition import Shape, part_of, prometheus_key, shape_named

_UNITS = {"seconds": "s", "milliseconds": "ms", "bytes": "By", "ratio": "1", "celsius": "Cel", "percent": "%"}


class Kind(IntEnum):
    """The metric types of both versions of remote write."""

    UNKNOWN = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGEHISTOGRAM = 4
    SUMMARY = 5
    INFO = 6
    STATESET = 7


_KINDS = {int(kind): kind for kind in Kind}
_LEVELS = frozenset({Kind.GAUGE, Kind.GAUGEHISTOGRAM, Kind.INFO, Kind.STATESET})
_OF_PARTS = frozenset({Kind.HISTOGRAM, Kind.GAUGEHISTOGRAM, Kind.SUMMARY})


class Families:
    """The kinds of metrics by tenant and family, as far as senders told, and which of them have a sum or buckets.
    limit: the most that are remembered."""

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._parted: set[tuple[str, str]] = set()
        self._alone: set[tuple[str, str]] = set()

    def learn(self, tenant: str, told: Iterable[tuple[str, int]]) -> bool:
        """Take in families and their kinds. Whether one of them makes something else of its series than before."""
        changed = False
        for family, number in told:
            kind = kind_of(number)
            if kind is self.kind(tenant, family) or len(self._kinds) >= self._limit:
                continue
            self._kinds[tenant, family] = kind
            changed |= kind is not Kind.UNKNOWN
        return changed

    def see(self, tenant: str, metrics: Iterable[str]) -> bool:
        """Names of metrics that come. Whether one of them makes something else of a count that came alone before."""
        changed = False
        for family, suffix in map(part_of, metrics):
            if suffix in {"_sum", "_bucket"} and (tenant, family) not in self._parted and not self._is_full():
                self._parted.add((tenant, family))
                changed |= (tenant, family) in self._alone
                self._alone.discard((tenant, family))
        return changed

    def shape(self, tenant: str, metric: str, told: Kind = Kind.UNKNOWN) -> Shape:
        """What the samples of a metric are: by its kind, told beside it or before, else by its name."""
        kind = told or self.kind(tenant, metric)
        family, suffix = part_of(metric)
        if kind in _LEVELS:
            return Shape.LEVEL
        if kind is Kind.COUNTER:
            return Shape.COUNTER
        has_parts = kind in _OF_PARTS or (tenant, family) in self._parted
        if suffix == "_count" and not has_parts and not self._is_full():
            self._alone.add((tenant, family))
        return shape_named(metric, has_parts=has_parts)

    def kind(self, tenant: str, metric: str) -> Kind:
        """The kind of a metric, whose family may be its name without a suffix that fits the kind."""
        found = self._kinds.get((tenant, metric), Kind.UNKNOWN)
        family, suffix = part_of(metric)
        if found is Kind.UNKNOWN and suffix:
            of_family = self._kinds.get((tenant, family), Kind.UNKNOWN)
            return of_family if of_family in _OF_PARTS else Kind.UNKNOWN
        if found is Kind.UNKNOWN and metric.endswith("_total"):
            of_family = self._kinds.get((tenant, metric.removesuffix("_total")), Kind.UNKNOWN)
            return of_family if of_family is Kind.COUNTER else Kind.UNKNOWN
        return found

    def _is_full(self) -> bool:
        return len(self._parted) + len(self._alone) >= self._limit


def kind_of(number: int) -> Kind:
    """A kind that is not known yet is unknown."""
    return _KINDS.get(number, Kind.UNKNOWN)


def kind_named(name: str) -> Kind:
    """A kind by its name in Prometheus' API ("counter"), UNKNOWN for one that is not known yet."""
    return Kind.__members__.get(name.upper(), Kind.UNKNOWN)


def checked_labels(pairs: Iterable[tuple[str, str]], place: str) -> dict[str, str]:
    """Labels by name; an empty value is a label that is not there. Raises InvalidInput for a label without name, a
    name that comes twice, and a series without metric name. Order does not matter here, though senders should sort."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if not name:
            raise InvalidInput(f"{place}.labels", "a label has no name")
        if name in found:
            raise InvalidInput(f"{place}.labels", f"{name!r} is there twice")
        found[name] = value
    if not found.get("__name__"):
        raise InvalidInput(f"{place}.labels", "'__name__' is missing")
    return {name: value for name, value in found.items() if value}


def series_key(tenant: str, labels: Mapping[str, str], shape: Shape, unit: str, names: tuple[str, ...]) -> SeriesKey:
    """The series of a label set with `__name__`. unit: as the metadata has it, "" if it says nothing; names: the labels
    that may name the service."""
    plain = {name: value for name, value in labels.items() if name != "__name__"}
    key = prometheus_key(tenant, labels["__name__"], plain, shape, names)
    return replace(key, unit=_UNITS.get(unit, unit)) if unit else key
