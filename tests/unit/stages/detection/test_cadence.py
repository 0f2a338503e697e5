"""Series are judged at their own cadence: whoever tells once a minute is seen, and once only, by what it tells."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import pytest

from akeso.composition.detection import make_detectors
from akeso.config.settings import load_settings
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import Signal
from akeso.stages.detection.cadence import holds, turns
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.pace import due
from akeso.stages.detection.series_facts import FactsTable

START = 1_700_000_000 * NANOSECONDS
LATENCY = SeriesKey("t", "api", "http.server.request.duration", unit="ms", stat="mean")
RATE = SeriesKey("t", "api", "http.server.request.duration", unit="1/s", stat="rate")
SIGNALS = np.array([Signal.LATENCY, Signal.TRAFFIC], np.uint8)


def frame(slot: int, every: int, values: tuple[float, float]) -> FeatureFrame:
    told = np.array(values if slot % every == 0 else (np.nan, np.nan))
    cadence = np.full(2, every * NANOSECONDS)
    return FeatureFrame(START + slot * NANOSECONDS, NANOSECONDS, told, SIGNALS, every=cadence)


def lived(every: int, calm: int, ill: int) -> Iterator[tuple[int, Anomaly]]:
    """Slots since the fault at which something is raised: `calm` and then `ill` intervals."""
    table, random = SeriesTable([LATENCY, RATE]), np.random.default_rng(5)
    detectors = make_detectors(load_settings(None, {}), Services(), table)
    loop = DetectionLoop(detectors, FactsTable(table), perf_counter)
    for slot in range(1, (calm + ill) * every + 1):
        level = 40.0 if slot <= calm * every else 400.0
        values = (level * random.lognormal(0.0, 0.05), 20.0 + random.normal())
        for anomaly in loop.step(frame(slot, every, values)).decision.raised:
            yield slot - calm * every, anomaly


@pytest.mark.parametrize("every", [1, 5, 15])
def test_ten_times_the_latency_is_raised_with_the_second_value_that_shows_it(every: int) -> None:
    found = list(lived(every, calm=max(60 // every, 14), ill=3))
    assert [(at, anomaly.key) for at, anomaly in found] == [(2 * every, LATENCY)]
    assert found[0][1].every.total_seconds() == every


def test_a_value_holds_until_three_intervals_have_passed() -> None:
    missing = np.arange(60, dtype=np.int32)
    told = FeatureFrame(START, NANOSECONDS, np.full(60, np.nan), np.zeros(60, np.uint8))
    assert not holds(told, missing).any()
    rarely = FeatureFrame(START, NANOSECONDS, told.values, told.signals, every=np.full(60, 15 * NANOSECONDS))
    assert np.flatnonzero(holds(rarely, missing)).tolist() == list(range(1, 46))


@pytest.mark.parametrize("every", [1, 15, 20, 60])
def test_what_looks_at_one_value_in_so_many_meets_every_series(every: int) -> None:
    met = np.zeros(300, int)
    for slot in range(1, 1201):
        given = FeatureFrame(
            START + slot * NANOSECONDS, NANOSECONDS, np.zeros(300), np.zeros(300, np.uint8),
            every=np.full(300, every * NANOSECONDS),
        )  # fmt: skip
        if slot % every == 0:
            met[due(given, np.ones(300, bool), 60.0)] += 1
            assert len(turns(given)) == 300
    assert met.min() >= 15
    assert met.max() <= 25
