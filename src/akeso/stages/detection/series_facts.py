"""What the name of a feature series says about how to judge it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import numpy as np

from akeso.domain.telemetry.batches import Attributes, Ids, Mask, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import (
    EDGE_ERROR_RATIO,
    EDGE_MEAN,
    EDGE_RATE,
    RED_ERRORS,
    RED_MEAN,
    RED_P95,
    RED_RATE,
    RED_SELF,
    REQUEST_ERRORS,
    REQUEST_RATE,
)

_CALLS: Mapping[str, str] = MappingProxyType(
    {
        RED_ERRORS: RED_RATE,
        RED_MEAN: RED_RATE,
        RED_P95: RED_RATE,
        RED_SELF: RED_RATE,
        EDGE_ERROR_RATIO: EDGE_RATE,
        EDGE_MEAN: EDGE_RATE,
        REQUEST_ERRORS: REQUEST_RATE,
    }
)
# A series with one of these attributes speaks of a part of a service: of few calls, so it is noisier.
_PARTS = frozenset({"operation", "peer"})
_SIMPLE = frozenset({"latency", "error_rate"})
_Place = tuple[str, str, str, Attributes, str]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesFacts:
    """Columns with one row a series.

    service: a code of tenant and service; calls: the row of the series that counts the calls behind this one, -1 if
    none does; part: it speaks of one operation or peer only, or of the slowest calls only; simple: a component
    reported it in a simple event; quantile: it is a high quantile, so that of few calls it is the slowest one.
    """

    service: Ids
    calls: Ids
    part: Mask
    simple: Mask
    quantile: Mask


class _Rates:
    """Rows of rates by the hash of their place, in arrays: there are many, and most are never asked for."""

    def __init__(self) -> None:
        self._hashes, self._rows = np.empty(0, np.int64), np.empty(0, np.int32)

    def add(self, rows: Mapping[int, int]) -> None:
        """Take in rows by hash."""
        hashes = np.concatenate([self._hashes, np.fromiter(rows.keys(), np.int64, len(rows))])
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._rows = np.concatenate([self._rows, np.fromiter(rows.values(), np.int32, len(rows))])[order]

    def find(self, place: int) -> int | None:
        """The row that was added last under a hash."""
        at = int(np.searchsorted(self._hashes, place, side="right")) - 1
        return int(self._rows[at]) if at >= 0 and self._hashes[at] == place else None


class FactsTable:
    """Derives the facts of the series of a table once for each series. The table may grow meanwhile."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._services: dict[tuple[str, str], int] = {}
        self._rates = _Rates()
        self._unpaired: dict[int, _Place] = {}
        codes, flags = np.empty(0, np.int32), np.empty(0, bool)
        self._facts = SeriesFacts(codes, codes, flags, flags, flags)

    @property
    def services(self) -> Collection[tuple[str, str]]:
        """(tenant, service) of all series whose facts were asked for."""
        return self._services.keys()

    def key(self, row: int) -> SeriesKey:
        """The name of a series."""
        return self._table[row]

    def first(self, series: int) -> SeriesFacts:
        """The facts of the first `series` series."""
        known = len(self._facts.service)
        if series > known:
            self._extend([self._table[row] for row in range(known, series)], known)
        f = self._facts
        return SeriesFacts(*(getattr(f, column.name)[:series] for column in fields(f)))

    def _extend(self, keys: list[SeriesKey], start: int) -> None:
        self._rates.add({hash(_place(key)): row for row, key in enumerate(keys, start) if _is_rate(key)})
        for row, key in enumerate(keys, start):
            self._remember(row, key)
        f = self._facts
        calls = np.concatenate([f.calls, np.full(len(keys), -1, np.int32)])
        for row, place in list(self._unpaired.items()):
            if (rate := self._rates.find(hash(place))) is not None and _place(self._table[rate]) == place:
                calls[row] = rate
                del self._unpaired[row]
        self._facts = SeriesFacts(
            service=np.concatenate([f.service, np.array([self._code(k) for k in keys], np.int32)]),
            calls=calls,
            part=np.concatenate([f.part, [_partial(k) for k in keys]]),
            simple=np.concatenate([f.simple, [k.metric in _SIMPLE and not k.stat for k in keys]]),
            quantile=np.concatenate([f.quantile, [_is_quantile(k) for k in keys]]),
        )

    def _remember(self, row: int, key: SeriesKey) -> None:
        if key.metric in _CALLS:
            self._unpaired[row] = (key.tenant, key.service, _CALLS[key.metric], key.attributes, key.stat)
        elif key.stat in {"mean", "p95"} and not _is_rate(key):
            self._unpaired[row] = (key.tenant, key.service, key.metric, key.attributes, "rate")

    def _code(self, key: SeriesKey) -> int:
        return self._services.setdefault((key.tenant, key.service), len(self._services))


def _place(key: SeriesKey) -> _Place:
    return (key.tenant, key.service, key.metric, key.attributes, key.stat)


def _is_rate(key: SeriesKey) -> bool:
    return key.stat == "rate" or key.metric in {RED_RATE, EDGE_RATE, REQUEST_RATE}


def _partial(key: SeriesKey) -> bool:
    return _is_quantile(key) or not _PARTS.isdisjoint(dict(key.attributes))


def _is_quantile(key: SeriesKey) -> bool:
    return key.metric == RED_P95 or key.stat == "p95"
