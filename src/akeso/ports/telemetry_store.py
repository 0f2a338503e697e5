"""Telemetry that outlives the process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from akeso.domain.telemetry.batches import Kind, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable

Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Needs:
    """The batches that a query has to see: of a tenant, with something of `kind` in them, stamped in (since, until]
    (ns)."""

    tenant: str
    kind: Kind
    since: int
    until: int


class TelemetryQuery(Protocol[Answer_co]):
    """Adds up an answer, batch by batch. It may be given more batches than it needs, in any order, and all with series
    of one table."""

    @property
    def needs(self) -> Needs: ...

    def add(self, batch: TelemetryBatch, table: SeriesTable) -> None:
        """Raises InvalidInput when more is asked for than can be answered."""
        ...

    def result(self, table: SeriesTable) -> Answer_co: ...


class TelemetryStore(Protocol):
    """Holds telemetry batches in the order of their arrival."""

    async def append(self, batch: TelemetryBatch) -> int:
        """Durable when it returns; the batch's sequence (1, 2, …). Raises Overloaded when the queue is full and
        Unavailable when the disk refuses; then nothing of the batch was taken in."""
        ...

    def replay(self, table: SeriesTable, since: int = 0, after: int = 0) -> AsyncIterator[tuple[int, TelemetryBatch]]:
        """Batches received at or after `since` (ns) with a sequence above `after`, oldest first, their series
        interned in `table`."""
        ...

    async def ask(self, query: TelemetryQuery[Answer_co]) -> Answer_co:
        """The answer of a query that is not used yet. Raises InvalidInput as the query does, and Unavailable."""
        ...

    async def mark(self, name: str, value: int) -> None:
        """Remember a position under a name, durably."""
        ...

    async def marked(self, name: str) -> int:
        """The remembered position; 0 if there is none."""
        ...

    async def prune(self, before: int, most_bytes: int | None = None) -> int:
        """Forget batches received before `before` (ns), then the oldest until the others take at most `most_bytes`;
        how many. What they took becomes free for others."""
        ...

    async def close(self) -> None: ...
