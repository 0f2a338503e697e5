"""A telemetry store in memory: for worlds in virtual time, and for tests."""

from collections.abc import AsyncIterator

from akeso.adapters.telemetry import codec
from akeso.domain.errors import AkesoError, Unavailable
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import Answer_co, TelemetryQuery


class MemoryTelemetryStore:
    """A TelemetryStore that forgets with the process. failure: what every write raises while it is set."""

    def __init__(self, table: SeriesTable) -> None:
        self.failure: AkesoError | None = None
        self._table = table
        self._batches: dict[int, TelemetryBatch] = {}
        self._marks: dict[str, int] = {}
        self._last = 0
        self._closed = False

    async def append(self, batch: TelemetryBatch) -> int:
        self._check()
        self._last += 1
        self._batches[self._last] = batch
        return self._last

    async def replay(
        self, table: SeriesTable, since: int = 0, after: int = 0
    ) -> AsyncIterator[tuple[int, TelemetryBatch]]:
        """Batches whose series are those of another table are handed over as a file would hold them."""
        for sequence, batch in list(self._batches.items()):
            if sequence > after and batch.received_at >= since:
                yield sequence, batch if table is self._table else codec.decode(codec.encode(batch, self._table), table)

    async def ask(self, query: TelemetryQuery[Answer_co]) -> Answer_co:
        for batch in self._batches.values():
            query.add(batch, self._table)
        return query.result(self._table)

    async def mark(self, name: str, value: int) -> None:
        self._check()
        self._marks[name] = value

    async def marked(self, name: str) -> int:
        return self._marks.get(name, 0)

    async def prune(self, before: int, most_bytes: int | None = None) -> int:
        self._check()
        old = {sequence for sequence, batch in self._batches.items() if batch.received_at < before}
        size = 0
        for sequence, batch in reversed(self._batches.items()):
            size += batch.nbytes
            if most_bytes is not None and size > most_bytes:
                old.add(sequence)
        for sequence in old:
            del self._batches[sequence]
        return len(old)

    async def close(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise Unavailable("the telemetry store is closed")
        if self.failure is not None:
            raise self.failure
