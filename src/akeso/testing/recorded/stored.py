"""For tests: what a running Akeso, or one that was, keeps in its telemetry store, read beside it."""

from pathlib import Path

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.batches import SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable


async def stored_batches(data: Path, table: SeriesTable | None = None) -> list[TelemetryBatch]:
    """All batches in the data folder, oldest first. table: where their series are interned."""
    table = SeriesTable() if table is None else table
    store = SqliteTelemetryStore(data / "telemetry.db", table)
    try:
        return [batch async for _, batch in store.replay(table)]
    finally:
        await store.close()


async def stored_points(data: Path) -> dict[SeriesKey, list[tuple[int, float]]]:
    """All points (ns, value) in the data folder by series, as they came."""
    table = SeriesTable()
    found: dict[SeriesKey, list[tuple[int, float]]] = {}
    for batch in await stored_batches(data, table):
        block = batch.metrics
        for each, at, value in zip(block.series.tolist(), block.time.tolist(), block.value.tolist(), strict=True):
            found.setdefault(table[each], []).append((at, value))
    return found
