"""Burn rates against figures that were worked out by hand."""

from datetime import timedelta

import numpy as np
import pytest

from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.stages.detection.burn_rate import BurnOptions, BurnWindows, Served

HOUR, FIVE, MINUTE = timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=1)
ALLOWED = np.array([0.01])
START = 1_700_000_000
NOTHING = Served(np.zeros(1), np.zeros(1))


class Service:
    """One objective of 99 %, ten calls a second."""

    def __init__(self, scale: float = 1.0) -> None:
        self.windows, self.second = BurnWindows(BurnOptions(scale=scale)), 0
        self.windows.grow(1)

    def live(self, seconds: int, failing: float = 0.0) -> None:
        for _ in range(seconds):
            self.second += 1
            self.windows.take(self.end, Served(np.array([10.0 * failing]), np.array([10.0])))

    @property
    def end(self) -> int:
        return (START + self.second) * NANOSECONDS

    def burn(self, window: timedelta) -> float:
        return float(self.windows.burn(window, ALLOWED, self.end, NOTHING)[0])

    @property
    def score(self) -> float:
        return float(self.windows.score(ALLOWED, self.end, NOTHING)[0])


def test_the_burn_rate_is_the_share_of_bad_calls_over_the_allowed_share() -> None:
    service = Service()
    service.live(4000, failing=0.02)
    assert service.burn(HOUR) == pytest.approx(2.0, rel=0.02)
    assert service.burn(FIVE) == pytest.approx(2.0, rel=0.02)


def test_an_outage_of_nine_minutes_in_an_hour_burns_fifteen_times() -> None:
    service = Service()
    service.live(3600)
    service.live(540, failing=1.0)
    # 540 s of 3,600 s are 15 %, and 15 % over the allowed 1 % are 15 (a bucket more or less).
    assert service.burn(HOUR) == pytest.approx(15.0, rel=0.03)
    assert service.score == pytest.approx(15.0 / 14.4, rel=0.03)


def test_a_shorter_outage_is_within_the_budget() -> None:
    service = Service()
    service.live(3600)
    service.live(480, failing=1.0)
    assert 0.8 < service.score < 1.0


def test_an_alarm_ends_with_the_trouble_and_not_with_its_window() -> None:
    service = Service()
    service.live(3600)
    service.live(700, failing=1.0)
    assert service.score >= 1.0
    service.live(125)
    assert service.burn(HOUR) > 14.4
    assert service.score == 0.0


def test_slow_burn_is_found_by_the_long_windows() -> None:
    service = Service(scale=0.01)  # three days are 43 minutes, six hours 3.6 minutes
    service.live(2700, failing=0.012)
    assert service.score == pytest.approx(1.2, rel=0.05)
    service = Service(scale=0.01)
    service.live(2700, failing=0.009)
    assert service.score < 1.0


def test_what_lies_before_the_first_measurement_counts_as_good() -> None:
    service = Service()
    service.live(60, failing=1.0)
    # 60 s of 3,600 s: 1.67 % over the allowed 1 %.
    assert service.burn(HOUR) == pytest.approx(1.67, rel=0.02)
    assert service.score < 1.0


def test_what_is_older_than_a_window_is_forgotten() -> None:
    service = Service()
    service.live(600, failing=1.0)
    service.live(3700)
    assert service.burn(HOUR) == 0.0
    assert service.burn(timedelta(hours=6)) > 0.0


def test_a_pause_of_telemetry_longer_than_all_windows_leaves_nothing() -> None:
    service = Service(scale=0.01)
    service.live(600, failing=1.0)
    service.second += 10_000
    service.live(1)
    assert service.burn(timedelta(days=3)) == 0.0


def test_a_few_bad_calls_are_no_alarm() -> None:
    windows = BurnWindows(BurnOptions(scale=0.01))
    windows.grow(1)
    for second in range(31):
        one = np.array([1.0 if second % 6 == 0 else 0.0])
        windows.take((START + second) * NANOSECONDS, Served(one * (second >= 12), one))
    end = (START + 30) * NANOSECONDS
    assert windows.burn(HOUR, ALLOWED, end, NOTHING)[0] > 14.4
    assert windows.score(ALLOWED, end, NOTHING)[0] == 0.0


def test_objectives_are_counted_apart() -> None:
    windows = BurnWindows()
    windows.grow(1)
    windows.take(START * NANOSECONDS, Served(np.zeros(1), np.array([10.0])))
    windows.grow(2)
    for second in range(1, 4000):
        windows.take((START + second) * NANOSECONDS, Served(np.array([0.0, 5.0]), np.array([10.0, 10.0])))
    none = Served(np.zeros(2), np.zeros(2))
    burn = windows.burn(HOUR, np.array([0.01, 0.1]), (START + 3999) * NANOSECONDS, none)
    assert burn == pytest.approx([0.0, 5.0], rel=0.02)
