"""What Prometheus' metadata says of metrics, and the series that follow from it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import IntEnum

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.protocols.prometheus.exposition import prometheus_key

_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")
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


class Families:
    """The kinds of metrics by tenant and family, as far as senders told. limit: the most that are remembered."""

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._kinds: dict[tuple[str, str], Kind] = {}

    def learn(self, tenant: str, told: Iterable[tuple[str, int]]) -> bool:
        """Take in families and their kinds. Whether one of them makes something else of its series than before."""
        changed = False
        for family, number in told:
            kind = kind_of(number)
            if kind is self.kind(tenant, family) or len(self._kinds) >= self._limit:
                continue
            self._kinds[tenant, family] = kind
            changed |= kind in _LEVELS or kind is Kind.COUNTER
        return changed

    def kind(self, tenant: str, metric: str) -> Kind:
        """The kind of a metric, whose family may be its name without a suffix."""
        found = self._kinds.get((tenant, metric))
        if found is not None:
            return found
        family = next((metric.removesuffix(each) for each in _SUFFIXES if metric.endswith(each)), metric)
        return self._kinds.get((tenant, family), Kind.UNKNOWN)


def kind_of(number: int) -> Kind:
    """A kind that is not known yet is unknown."""
    return _KINDS.get(number, Kind.UNKNOWN)


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


def series_key(tenant: str, labels: Mapping[str, str], kind: Kind, unit: str, names: tuple[str, ...]) -> SeriesKey:
    """The series of a label set with `__name__`. Where no kind is known the name's suffix tells. unit: as the metadata
    has it, "" if it says nothing; names: the labels that may name the service."""
    metric = labels["__name__"]
    plain = {name: value for name, value in labels.items() if name != "__name__"}
    key = prometheus_key(tenant, metric, plain, names)
    if kind in _LEVELS:
        key = replace(key, metric=metric, stat="", temporality=Temporality.GAUGE)
    elif kind is Kind.COUNTER:
        key = replace(key, metric=metric, stat="", temporality=Temporality.CUMULATIVE)
    return replace(key, unit=_UNITS.get(unit, unit)) if unit else key
