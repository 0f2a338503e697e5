"""What a series costs in resident memory, with two hours of values at ten seconds in the hot window."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.bench.load.bodies import Body, Template
from akeso.bench.load.decisions import Decisions
from akeso.bench.load.metrics import first_templates
from akeso.bench.load.process import RunningAkeso, running_akeso
from akeso.bench.load.sender import Endpoint, Sender
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.ports.source import IngestRequest
from akeso.protocols.snappy import unsnap

WRITE = "content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n"
SLOT_S, WINDOW_S = 10, 7_200
_FEW = 1_000
_LOOK_S = 0.5
# What the start needed once is worked off, and given back within a minute.
_BEHIND_S, _SETTLE_S = 300, 65
_SETTINGS = (
    f"features.slot={SLOT_S}",
    f"ingestion.hot_window={WINDOW_S}",
    "features.series=200000",
    "grpc_port=0",
    "otlp_http_port=0",
)


def bytes_per_series(series: int) -> tuple[float, float]:
    """The slope of the resident memory of an Akeso between 1,000 and `series` series: the least over a minute, which is
    what it keeps, and the most, with what working a slot off takes for a moment.

    Two hours of telemetry lie in its store; Akeso reads them at its start as after any restart, so every window and
    every detector is as full as after two hours. Then each series goes on coming by remote write, in step with what is
    stored, so that the way in knows it, too, and nothing is amiss: what an incident takes is not told here.
    """
    few, many = (_resident(count) for count in (_FEW, series))
    kept, worked = ((b - a) / (series - _FEW) for a, b in zip(few, many, strict=True))
    return kept, worked


def _resident(series: int) -> tuple[int, int]:
    with TemporaryDirectory(prefix="akeso-memory-") as folder:
        data, templates = Path(folder), first_templates(series)
        newest = asyncio.run(_fill(data / "telemetry.db", templates))
        arguments = [word for setting in _SETTINGS for word in ("--set", setting)]
        with running_akeso(data, *arguments, within_s=900) as running:
            first = _round(running, templates, newest)
            with Decisions(data) as decisions:
                decisions.await_slot(first, _BEHIND_S)
            seen: list[int] = []
            settled = time.monotonic() + _SETTLE_S
            while time.monotonic() < settled:
                while _until_due(newest) > 2 * _LOOK_S:
                    seen.append(running.resident_bytes())
                    time.sleep(_LOOK_S)
                _round(running, templates, newest)
            return min(seen), max(seen)


def _until_due(newest: int) -> float:
    return -(time.time_ns() - newest) % (SLOT_S * NANOSECONDS) / NANOSECONDS


def _round(running: RunningAkeso, templates: list[Template], newest: int) -> int:
    """Sends each series once, a whole number of slots after `newest`, ns, as soon as it is time; when that was."""
    time.sleep(_until_due(newest))
    now, random = time.time_ns(), np.random.default_rng(1)
    bodies = [Body(now, template.at(now - NANOSECONDS, random), len(template.stamps)) for template in templates]
    if not all(
        each.taken
        for each in Sender(Endpoint(running.url, "/api/v1/write", WRITE + running.key_header), 1).send(bodies)
    ):
        raise Unavailable("Akeso did not take what was sent after its start")
    return now


async def _fill(path: Path, templates: list[Template]) -> int:
    """Two hours of what `templates` hold, until now; the arrival of the newest, ns."""
    table, source, random = SeriesTable(), RemoteWrite(), np.random.default_rng(1)
    store = SqliteTelemetryStore(path, table)
    steps = WINDOW_S // SLOT_S
    # In the middle of a slot: what comes some tenths late at its edge would be missing in one and be a silence.
    width = SLOT_S * NANOSECONDS
    newest = (time.time_ns() - width // 2) // width * width + width // 2
    for step in range(steps):
        at = newest - (steps - 1 - step) * SLOT_S * NANOSECONDS
        for template in templates:
            body = unsnap(template.at(at - NANOSECONDS, random))
            headers = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
            request = IngestRequest("/api/v1/write", headers, body, "default", at)
            await store.append(source.decode(request, table).batch)
    await store.close()
    return newest
