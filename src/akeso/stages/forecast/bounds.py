"""Which series have a bound that is known, and what it is."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.telemetry.batches import Floats, Ids, SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN

# OpenTelemetry names a limit after what it limits.
_LIMITS = (".limit", ".max")
_LIMITED = ("", ".usage", ".used", ".count")
_NOT_IN_USE = (("state", "idle"), ("state", "free"))


@dataclass(frozen=True, slots=True)
class Watched:
    """A series with a bound. row: of the feature table; limit_row: of the series that tells the bound, -1 if it is
    `stated`; stated: by the team, NaN if a series tells it."""

    row: int
    limit_row: int = -1
    stated: float = np.nan


class Bounds:
    """Series of a feature table that have a bound: service objectives on latency (mean, ms) and errors (fraction), and
    usages beside a series of the same service and attributes that is named after them and ends in `.limit` or `.max`.

    The list only grows, in the order in which pairs became complete.
    """

    def __init__(self, table: SeriesTable, services: Services) -> None:
        self._table, self._services = table, services
        self._seen = 0
        self._watched: list[Watched] = []
        self._of_service: dict[tuple[str, str], list[int]] = defaultdict(list)

    def refresh(self) -> None:
        """Look at the series that are new."""
        for row in range(self._seen, len(self._table)):
            key = self._table[row]
            siblings = self._of_service[key.tenant, key.service]
            stated = _objective(key, self._services[key.service])
            if stated is not None:
                self._watched.append(Watched(row, stated=stated))
            for other in siblings:
                if _limits(key, self._table[other]):
                    self._watched.append(Watched(other, row))
                elif _limits(self._table[other], key):
                    self._watched.append(Watched(row, other))
            if key.temporality is Temporality.GAUGE:
                siblings.append(row)
        self._seen = len(self._table)

    def __len__(self) -> int:
        return len(self._watched)

    def key(self, index: int) -> SeriesKey:
        """Which series the index-th watched one is."""
        return self._table[self._watched[index].row]

    @property
    def rows(self) -> Ids:
        """int32[m] of the feature table, one a watched series."""
        return np.fromiter((each.row for each in self._watched), np.int32)

    def of(self, values: Floats) -> Floats:
        """float64[m] bounds. values: float64[n], the newest of all series; NaN where a limit has not been told."""
        limit = np.fromiter((each.limit_row for each in self._watched), np.int32)
        stated = np.fromiter((each.stated for each in self._watched), np.float64)
        bounds: Floats = np.where(limit >= 0, values[limit], stated)
        # A limit of nothing is a way to say that there is none.
        return np.where(bounds > 0, bounds, np.nan)


def _objective(key: SeriesKey, spec: ServiceSpec) -> float | None:
    if key.attributes:
        return None
    return {RED_MEAN: spec.latency_slo_ms, RED_ERRORS: spec.error_slo}.get(key.metric)


def _limits(limit: SeriesKey, usage: SeriesKey) -> bool:
    ending = next((end for end in _LIMITS if limit.metric.endswith(end)), None)
    if ending is None or limit.stat or usage.stat:
        return False
    stem = limit.metric.removesuffix(ending)
    in_use = not any(state in usage.attributes for state in _NOT_IN_USE)
    return (
        in_use and usage.metric in {stem + end for end in _LIMITED} and set(limit.attributes) <= set(usage.attributes)
    )
