"""A past that an Akeso finds at its start, so that a test need not live through it: telemetry of calm minutes."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.simple_event import SimpleEvent
from akeso.ports.source import IngestRequest

_EVERY_NS = 100_000_000
_SENDER = "first-sender"


def write_calm_past(data: Path, services: Sequence[str], seconds: float) -> None:
    """What `faring` tells of services that are well, ten times a second, up to now. data: Akeso's folder, without a
    store yet. Its default hot window hands ten minutes out again."""
    data.mkdir(parents=True)
    asyncio.run(_stored(data / "telemetry.db", list(_requests(services, seconds))))


def _requests(services: Sequence[str], seconds: float) -> Iterator[IngestRequest]:
    now = time.time_ns()
    for at in range(now - round(seconds * 1e9), now, _EVERY_NS):
        for name in services:
            body = json.dumps({"component": name, "latency": 20, "error_rate": 0.0}).encode()
            yield IngestRequest("/add-event", {"content-type": "application/json"}, body, "default", at)


async def _stored(database: Path, requests: list[IngestRequest]) -> None:
    table, source = SeriesTable(), SimpleEvent()
    store = SqliteTelemetryStore(database, table)
    try:
        await asyncio.gather(
            *(store.append(replace(source.decode(request, table).batch, author=_SENDER)) for request in requests)
        )
    finally:
        await store.close()
