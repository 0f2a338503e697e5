"""What change points, extreme values, seasons and flat lines look like to the detectors made for them."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats
from akeso.domain.telemetry.signal import Signal
from akeso.plugins.detectors.cusum import Cusum
from akeso.plugins.detectors.extreme_value import ExtremeValue
from akeso.plugins.detectors.flat_line import FlatLine
from akeso.plugins.detectors.seasonal_decomposition import SeasonalDecomposition
from akeso.plugins.detectors.z_score import ZScore
from akeso.plugins.discovery import build
from akeso.ports.detector import Detector
from akeso.testing.conformance.detectors import frame

QUARTER = 900 * NANOSECONDS
MONDAY = 1_700_438_400 * NANOSECONDS  # midnight


def scores(
    detector: Detector, values: Iterable[float], learn: bool = True, signal: Signal = Signal.OTHER, start: int = 0
) -> list[float]:
    """Of one series, value by value."""
    found = []
    for slot, value in enumerate(values, start=start):
        one = frame(np.array([value]), slot, np.array([signal]))
        found.append(float(detector.score(one).score[0]))
        detector.learn(one, np.array([learn]))
    return found


def normal(level: float, count: int, sigma: float = 5.0, seed: int = 3) -> list[float]:
    return list(np.random.default_rng(seed).normal(level, sigma, count))


def test_cusum_sees_a_shift_of_two_deviations_that_no_single_value_shows() -> None:
    past, shifted = normal(100.0, 300), normal(110.0, 25, seed=4)
    cusum, single = Cusum(), ZScore()
    assert max(scores(cusum, past)[60:]) < 1.0
    scores(single, past)
    assert max(scores(cusum, shifted, learn=False)) > 1.0
    assert max(scores(single, shifted, learn=False)) < 1.2


def test_cusum_sees_a_fall_as_well() -> None:
    cusum = Cusum()
    scores(cusum, normal(100.0, 300))
    assert max(scores(cusum, normal(88.0, 25, seed=4), learn=False)) > 1.0


def test_one_wild_value_is_no_change_point() -> None:
    cusum = Cusum()
    scores(cusum, normal(100.0, 300))
    assert max(scores(cusum, [1e6, *normal(100.0, 20, seed=5)])) < 1.0


def test_a_change_point_ends_when_the_new_level_is_accepted() -> None:
    cusum = Cusum()
    scores(cusum, normal(100.0, 300))
    after = scores(cusum, normal(130.0, 200, seed=4))
    assert max(after[:12]) > 1.0
    assert np.mean(np.array(after[60:]) > 1.0) < 0.1


@pytest.mark.parametrize("heavy", [False, True])
def test_values_beyond_the_extreme_threshold_are_as_rare_as_asked(heavy: bool) -> None:
    random = np.random.default_rng(5)
    shape = (1500, 300)
    values = random.standard_t(4, shape) if heavy else random.standard_normal(shape)
    detector, alarms = ExtremeValue(risk=1e-3), 0
    for slot, row in enumerate(50.0 + 2.0 * values):
        one = FeatureFrame((slot + 1) * NANOSECONDS, NANOSECONDS, row, np.zeros(len(row), np.uint8))
        alarms += int((detector.score(one).score >= 1.0).sum()) if slot >= 500 else 0
        detector.learn(one, np.ones(len(row), bool))
    assert alarms / (1000 * 300) < 4e-3


def test_an_extreme_value_is_seen_on_either_side() -> None:
    for extreme in (150.0, 50.0):
        detector = ExtremeValue()
        assert np.mean(np.array(scores(detector, normal(100.0, 600))[100:]) > 1.0) < 0.01
        assert scores(detector, [extreme], learn=False)[0] > 1.0


def test_a_livelier_series_is_not_extreme_for_ever() -> None:
    detector = ExtremeValue()
    scores(detector, normal(100.0, 300))
    after = scores(detector, normal(100.0, 1500, sigma=20.0, seed=8))
    assert np.mean(np.array(after[:20]) > 1.0) > np.mean(np.array(after[-500:]) > 1.0)
    assert np.mean(np.array(after[-500:]) > 1.0) < 0.01


def days(count: int, seed: int = 2) -> Floats:
    """float64[count * 96]: a wave of a day, in quarters of an hour."""
    time = np.arange(count * 96)
    wave = 100.0 + 40.0 * np.sin(2 * np.pi * time / 96)
    return np.asarray(wave + np.random.default_rng(seed).normal(0.0, 2.0, len(time)))


def daily(detector: Detector, values: Sequence[float], start: int = 0) -> list[float]:
    found = []
    for slot, value in enumerate(values, start=start):
        one = FeatureFrame(MONDAY + (slot + 1) * QUARTER, QUARTER, np.array([value]), np.zeros(1, np.uint8))
        found.append(float(detector.score(one).score[0]))
        detector.learn(one, np.ones(1, bool))
    return found


def test_a_night_at_the_level_of_the_day_is_wrong_for_its_time_alone() -> None:
    detector, single, values = SeasonalDecomposition(), ZScore(), days(6)
    quiet = daily(detector, values.tolist())
    daily(single, values.tolist())
    assert max(quiet[3 * 96 :]) < 1.0
    trough, peak = 72, 135.0  # 18:00, when it is lowest
    night = [*days(1)[:trough], peak]
    assert daily(single, night, start=6 * 96)[-1] < 1.0
    assert daily(detector, night, start=6 * 96)[-1] > 1.0


def test_the_first_day_is_not_judged() -> None:
    assert max(daily(SeasonalDecomposition(), days(1).tolist())) == 0.0


def test_a_gauge_that_is_stuck_is_noticed_and_one_that_often_stands_still_is_not() -> None:
    lively, lazy = FlatLine(), FlatLine()
    steps = np.random.default_rng(1)
    assert max(scores(lively, normal(40.0, 200))) < 1.0
    assert max(scores(lazy, [float(steps.random() < 0.05) + 7.0 for _ in range(400)])) < 1.0
    assert max(scores(lively, [40.0] * 60, learn=False)) > 1.0
    assert max(scores(lazy, [7.0] * 60, learn=False)) < 1.0


def test_pauses_that_are_usual_are_not_flat_lines() -> None:
    detector = FlatLine()
    for pause in range(12):
        seen = scores(detector, [*normal(40.0, 60, seed=pause), *([40.0] * 18)])
    assert max(seen) < 1.0


def test_nothing_to_do_is_no_flat_line() -> None:
    detector = FlatLine()
    scores(detector, normal(40.0, 200))
    assert max(scores(detector, [0.0] * 100)) == 0.0


def test_a_flat_line_is_seen_though_its_values_are_learnt() -> None:
    detector = FlatLine()
    scores(detector, normal(40.0, 200))
    assert max(scores(detector, [40.0] * 100)) > 1.0


def test_what_is_on_request_runs_when_the_settings_name_it() -> None:
    assert "cusum" not in build("detectors")
    assert isinstance(build("detectors", {"cusum": {}})["cusum"], Cusum)
