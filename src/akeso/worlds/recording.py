"""A world written down as a recording: decoded as Akeso decodes, stored as Akeso stores, without Akeso."""

from pathlib import Path

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.ports.source import IngestRequest, Intake, Source
from akeso.protocols.decompression import decompressed
from akeso.worlds.delivery import Delivery
from akeso.worlds.world import World

_TENANT = "default"


async def recorded(world: World, lasts_s: float, out: Path) -> tuple[int, int]:
    """(batches, points) written to `out`, after what it holds. Raises Unavailable."""
    table, batches, points = SeriesTable(), 0, 0
    sources = {path: source for source in build("sources").values() for path in source.paths}
    store = SqliteTelemetryStore(out, table)
    try:
        until = world.now + round(lasts_s * NANOSECONDS)
        while world.now < until:
            for delivery in world.advance(world.now + NANOSECONDS):
                intake = _decoded(delivery, sources, table)
                if intake is not None and len(intake.batch):
                    await store.append(intake.batch)
                    batches, points = batches + 1, points + len(intake.batch)
    finally:
        await store.close()
    return batches, points


def _decoded(delivery: Delivery, sources: dict[str, Source], table: SeriesTable) -> Intake | None:
    path = delivery.path.partition("?")[0]
    source = sources.get(path)
    if source is None:
        return None  # it goes somewhere else
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    body = decompressed(delivery.body, headers.get("content-encoding", "identity"))
    return source.decode(IngestRequest(path, headers, body, _TENANT, delivery.at), table)
