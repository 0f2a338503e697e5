"""What the detectors that remember have not seen, and what they have."""

from collections.abc import Callable

import numpy as np
import pytest

from akeso.bench.baselines.detector_ensemble import EnsembleOptions
from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats
from akeso.plugins.detectors.seasonal_novelty import SeasonalNovelty
from akeso.plugins.detectors.shape_novelty import ShapeNovelty
from akeso.plugins.detectors.value_novelty import ValueNovelty
from akeso.plugins.discovery import discover
from akeso.ports.detector import Detector, vote_of
from akeso.stages.detection.pace import due
from akeso.testing.conformance.detectors import frame

DAY = 96  # slots of a quarter of an hour
NAMES = frozenset({ValueNovelty.name, SeasonalNovelty.name, ShapeNovelty.name})


def quarter(values: Floats, slot: int) -> FeatureFrame:
    width = 900 * NANOSECONDS
    return FeatureFrame(
        (19_000 * DAY + slot) * width, width, np.asarray(values, float), np.zeros(len(values), np.uint8)
    )


def scores(detector: Detector, course: Floats) -> Floats:
    """The scores of one series over quarters of an hour, all of them learnt."""
    out = []
    for slot, value in enumerate(course):
        now = quarter(np.array([value]), slot)
        out.append(detector.score(now).score[0])
        detector.learn(now, np.ones(1, bool))
    return np.array(out)


def noisy(slots: int, seed: int = 3) -> Floats:
    return np.random.default_rng(seed).normal(10.0, 1.0, slots)


def daily(days: int) -> Floats:
    level = 10.0 + 5.0 * np.sin(np.arange(days * DAY) * 2 * np.pi / DAY)
    return level + np.random.default_rng(5).normal(0.0, 0.2, days * DAY)


def test_a_value_far_from_all_seen_is_new_the_first_time() -> None:
    course = noisy(500)
    course[[450, 480]] = 30.0
    found = scores(ValueNovelty(), course)
    assert found[450] > 1.0
    assert found[480] < 0.2
    assert (found[100:450] < 1.0).all()


def test_a_gap_between_two_levels_is_new_as_well() -> None:
    course = np.where(np.arange(500) % 100 < 50, 0.0, 100.0) + np.random.default_rng(1).random(500)
    course[430] = 50.0
    found = scores(ValueNovelty(), course)
    assert found[430] > 0.2
    assert found[430] > 2 * found[100:430].max()


def test_a_full_memory_still_knows_the_range() -> None:
    course = noisy(800)
    found = scores(ValueNovelty(size=16), course)
    assert (found[500:] < 2.0).all()
    assert scores(ValueNovelty(size=16), np.append(course, 40.0))[-1] > 1.0


def test_a_usual_value_at_an_unusual_time_is_new() -> None:
    course = daily(9)
    course[8 * DAY + 20 : 8 * DAY + 30] = 5.0  # the value of the night, in the morning
    found = scores(SeasonalNovelty(), course)
    assert found[8 * DAY + 20 : 8 * DAY + 30].max() > 1.0
    assert (found[3 * DAY : 8 * DAY] < 1.0).all()


@pytest.mark.parametrize(("first_day", "lowest", "highest"), [(12, 0.1, np.inf), (18, 0.0, 0.05)])
def test_a_time_of_day_is_known_for_a_week(first_day: int, lowest: float, highest: float) -> None:
    course = daily(22)
    for day in (first_day, 20):
        course[day * DAY + 20 : day * DAY + 28] = 5.0
    again = scores(SeasonalNovelty(), course)[20 * DAY + 20 : 20 * DAY + 28].max()
    assert lowest <= again <= highest


def test_an_hourly_value_at_an_unusual_time_is_not_blurred_by_the_hours_before() -> None:
    width = 3600 * NANOSECONDS
    course = np.tile(np.repeat([0.0, 10.0], 12), 9) + np.random.default_rng(4).normal(0.0, 0.1, 9 * 24)
    course[8 * 24 + 15] = 0.0  # for one hour of the day it is night
    detector, found = SeasonalNovelty(), []
    for hour, value in enumerate(course):
        now = FeatureFrame((19_000 * 24 + hour) * width, width, np.array([value]), np.zeros(1, np.uint8))
        found.append(detector.score(now).score[0])
        detector.learn(now, np.ones(1, bool))
    assert int(np.argmax(found)) == 8 * 24 + 15
    assert found[8 * 24 + 16] < 0.1 * found[8 * 24 + 15]


def test_a_long_silence_leaves_no_old_days_behind() -> None:
    detector = SeasonalNovelty()
    scores(detector, daily(4))
    later = quarter(np.array([99.0]), 40 * DAY + 3)
    assert not detector.score(later).score.any()
    detector.learn(later, np.ones(1, bool))
    assert np.isfinite(detector.snapshot()["lowest"]).sum() == 1


def test_a_new_shape_of_usual_values_is_new() -> None:
    course = np.tile(np.repeat([0.0, 10.0], 12), 100) + np.random.default_rng(2).normal(0.0, 0.3, 2400)
    course[2300:2340] = np.tile([0.0] * 3 + [10.0] * 3, 7)[:40]
    found = scores(ShapeNovelty(), course)
    assert found[2300:2345].max() > 0.05
    assert found[1200:2300].max() < found[2300:2345].max()


@pytest.mark.parametrize("make", [ValueNovelty, SeasonalNovelty, ShapeNovelty])
def test_more_series_than_agreed_are_not_looked_at(make: Callable[..., Detector]) -> None:
    detector = make(series=2)
    detector.learn(quarter(np.ones(5), 0), np.ones(5, bool))
    assert all(len(array) == 2 for array in detector.snapshot().values())
    assert detector.score(quarter(np.ones(5), 1)).score.shape == (5,)


def test_fast_slots_are_shared_out() -> None:
    turns = [due(frame(np.ones(200), slot), np.ones(200, bool), 60.0).tolist() for slot in range(60)]
    assert sorted(row for turn in turns for row in turn) == list(range(200))
    assert max(map(len, turns)) == 64


def test_slow_slots_look_at_all_that_is_wanted() -> None:
    wanted = np.array([True, False, True])
    assert due(quarter(np.ones(3), 1), wanted, 60.0).tolist() == [0, 2]


def test_they_have_no_vote_and_are_the_ensemble() -> None:
    assert EnsembleOptions().members == NAMES
    assert {vote_of(discover("detectors")[name]) for name in NAMES} == {Vote.NONE}
