"""Telemetry that outlives the process."""

from collections.abc import AsyncIterator
from typing import Protocol

from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import TelemetryBatch


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
