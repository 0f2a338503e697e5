"""What a series costs in resident memory, with two hours of values at ten seconds in the hot window."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.bench.load.kernel import values_of
from akeso.bench.load.metrics import labels_of
from akeso.bench.process import running_akeso
from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import NANOSECONDS, MetricBlock, SeriesKey, TelemetryBatch

SLOT_S, WINDOW_S = 10, 7_200
_FEW = 1_000
_SETTLE_S = 2 * SLOT_S + 2
_SETTINGS = (
    f"features.features.slot={SLOT_S}",
    f"ingestion.hot_window={WINDOW_S}",
    "features.features.series=200000",
    "grpc_port=0",
    "otlp_http_port=0",
)


def bytes_per_series(series: int) -> float:
    """The slope of the resident memory of an Akeso between 1,000 and `series` series.

    Two hours of telemetry lie in its store; Akeso reads them at its start as after any restart, so every window and
    every detector is as full as after two hours.
    """
    few, many = (_resident(count) for count in (_FEW, series))
    return (many - few) / (series - _FEW)


def _resident(series: int) -> int:
    with TemporaryDirectory(prefix="akeso-memory-") as folder:
        data = Path(folder)
        asyncio.run(_fill(data / "telemetry.db", series))
        arguments = [word for setting in _SETTINGS for word in ("--set", setting)]
        with running_akeso(data, *arguments, within_s=600) as running:
            time.sleep(_SETTLE_S)
            return running.resident_bytes()


async def _fill(path: Path, series: int) -> None:
    table = SeriesTable()
    ids = np.array([table.intern(_key(number)) for number in range(series)], np.int32)
    store = SqliteTelemetryStore(path, table)
    steps = WINDOW_S // SLOT_S
    newest = time.time_ns() // NANOSECONDS * NANOSECONDS
    values = values_of(series, 16)
    for step in range(steps):
        at = newest - (steps - 1 - step) * SLOT_S * NANOSECONDS
        block = MetricBlock(ids, np.full(series, at - NANOSECONDS, np.int64), values[step % 16])
        await store.append(TelemetryBatch("default", at, metrics=block))
    await store.close()


def _key(number: int) -> SeriesKey:
    labels = dict(labels_of(number))
    metric, service = labels.pop("__name__"), labels.pop("container")
    return SeriesKey("default", service, metric, tuple(sorted(labels.items())))
