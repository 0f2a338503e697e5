"""A made day: frames that fit the hour, seams without jumps, counts that add up."""

from pathlib import Path

import numpy as np
import pytest

from akeso.bench.calm import TAUGHT, Day, Stock, live, made, report
from akeso.config.settings import load_settings
from akeso.domain.detection.alarm import Alarm
from akeso.domain.telemetry.batches import Floats, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, RED_RATE
from akeso.stages.features.metric_meanings import signal_of

KEYS = (SeriesKey("t", "api", RED_RATE, (), "1/s"), SeriesKey("t", "api", RED_MEAN, (), "ms"))


def stock() -> Stock:
    """Twelve blocks with ever more traffic."""
    random, traffic = np.random.default_rng(1), np.arange(10.0, 34.0, 2.0)

    def block(calls: float) -> Floats:
        return np.column_stack([random.normal(calls, 1.0, 20), random.normal(50.0, 1.0, 20)])

    signals = np.array([signal_of(key) for key in KEYS], np.uint8)
    return Stock(SeriesTable(KEYS), signals, tuple(block(calls) for calls in traffic), traffic, 240)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_traffic_follows_the_time_of_day() -> None:
    frames = list(made(stock(), 86_400, seed=1))[TAUGHT:]
    calls = np.array([frame.values[0] for frame in frames])
    assert len(frames) == 86_400
    assert calls[:1200].mean() < 15.0
    assert calls[42_000:44_000].mean() > 25.0
    assert np.ptp([frame.end for frame in frames]) == 86_399 * 1_000_000_000


def test_the_same_seed_makes_the_same_day() -> None:
    one, other, third = (np.array([f.values for f in made(stock(), 500, seed)]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)


def test_a_calm_day_raises_nothing_and_its_allowance_is_told() -> None:
    day = live(stock(), load_settings(None, {}), 900, seed=1)
    assert (day.raised, day.alarms) == (0, ())
    found = report(day, stock(), load_settings(None, {}), hours=24.0)
    assert found["allowed"] == pytest.approx(2 / 7)
    assert found["services"]["api"] == {"notified": 0, "withheld": 0, "loudest": 0.0}


def test_alarms_are_told_by_service_as_the_budget_counted_them() -> None:
    alarms = tuple(Alarm("t", "api", n, n, 1.5 + n, 0.01, "latency", notified=n < 2) for n in range(3))
    found = report(Day(100, 7, alarms, 0, 1.0), stock(), load_settings(None, {}), hours=1.0)
    assert (found["symptoms_raised"], found["alarms_notified"], found["alarms_withheld"]) == (7, 2, 1)
    assert found["services"]["api"] == {"notified": 2, "withheld": 1, "loudest": 3.5}
