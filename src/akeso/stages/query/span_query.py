"""Stored spans to rates, errors and durations of services, operations and the calls between them."""

import math
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, Kind, SpanBlock, SpanKind, TelemetryBatch
from akeso.domain.telemetry.query import Range, SpanGroup, SpanSelector
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import Needs

_ROLES = MappingProxyType(
    {
        SpanKind.INTERNAL: "internal",
        SpanKind.SERVER: "server",
        SpanKind.CONSUMER: "consumer",
        SpanKind.CLIENT: "client",
        SpanKind.PRODUCER: "producer",
    }
)
_OUTGOING = (SpanKind.CLIENT, SpanKind.PRODUCER)
_BASE = math.log(1.05)  # durations are counted in cells of 5 %, so their middles are off by half of that
_CELLS = 640  # 1 µs to more than a day
_Name: TypeAlias = tuple[str, str, str, int]  # service, operation, peer, kind


class _Tally:
    """Counts of one group. cells: int64[_CELLS] of durations."""

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.total_ms = self.max_ms = 0.0
        self.cells = np.zeros(_CELLS, np.int64)

    def add(self, duration: NDArray[np.int64], error: NDArray[np.bool_]) -> None:
        milliseconds = duration / 1e6
        self.count += len(duration)
        self.errors += int(error.sum())
        self.total_ms += float(milliseconds.sum())
        self.max_ms = max(self.max_ms, float(milliseconds.max(initial=0.0)))
        cell = np.log(np.maximum(duration / 1e3, 1.0)) / _BASE
        self.cells += np.bincount(np.minimum(cell.astype(np.int64), _CELLS - 1), minlength=_CELLS)

    def quantile_ms(self, share: float) -> float:
        """Geometrically in the middle of the cell in which the quantile lies."""
        cell = int(np.searchsorted(self.cells.cumsum(), share * self.count))
        return min(math.exp((cell + 0.5) * _BASE) / 1e3, self.max_ms)


class SpanQuery:
    """Adds up what is asked for by service, operation, peer and role ("internal" is a root that states no other);
    durations as counts, so that its memory does not grow with their number."""

    def __init__(self, selector: SpanSelector, over: Range) -> None:
        self._selector, self._over = selector, over
        self._groups: dict[_Name, _Tally] = {}

    @property
    def needs(self) -> Needs:
        """See akeso.ports.telemetry_store.TelemetryQuery."""
        return Needs(self._selector.tenant, Kind.SPANS, self._over.start, self._over.end)

    def add(self, batch: TelemetryBatch, table: SeriesTable) -> None:
        """Take a batch in."""
        del table
        for block in batch.spans:
            if batch.tenant == self._selector.tenant and self._selector.service in {"", block.service}:
                self._add(block)

    def result(self, table: SeriesTable) -> tuple[SpanGroup, ...]:
        """The groups, by service, the most frequent first."""
        del table
        ranked = sorted(self._groups.items(), key=lambda item: (item[0][0], -item[1].count, item[0]))
        return tuple(self._declared(name, tally) for name, tally in ranked)

    def _add(self, block: SpanBlock) -> None:
        end = block.end
        # Of what is neither called nor calls, only roots stand for work of their own.
        chosen = (block.role >= SpanKind.SERVER) & (end > self._over.start) & (end <= self._over.end)
        peer = np.where(np.isin(block.kind, _OUTGOING), block.peer, -1)
        coded: NDArray[Any] = np.stack((block.operation, peer, np.maximum(block.kind, SpanKind.INTERNAL)))[:, chosen]
        names, group = np.unique(coded, axis=1, return_inverse=True)
        duration, error = block.duration[chosen], block.error[chosen]
        for number, (operation, other, kind) in enumerate(names.T.tolist()):
            name = (block.service, block.operations[operation], block.peers[other] if other >= 0 else "", kind)
            if self._selector.operation in {"", name[1]} and self._selector.peer in {"", name[2]}:
                mine = group.ravel() == number
                self._groups.setdefault(name, _Tally()).add(duration[mine], error[mine])

    def _declared(self, name: _Name, tally: _Tally) -> SpanGroup:
        service, operation, peer, kind = name
        seconds = (self._over.end - self._over.start) / NANOSECONDS
        mean = tally.total_ms / tally.count
        p50, p95, p99 = (tally.quantile_ms(share) for share in (0.5, 0.95, 0.99))
        return SpanGroup(
            service, operation, peer, _ROLES[kind], tally.count, tally.errors, tally.count / seconds, mean,
            p50, p95, p99, tally.max_ms,
        )  # fmt: skip
