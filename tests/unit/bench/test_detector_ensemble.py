"""The ensemble: one probability from many scores."""

import numpy as np

from akeso.bench.baselines.detector_ensemble import EnsembleOptions, EnsembleState, combined
from akeso.domain.telemetry.batches import Floats

OPTIONS = EnsembleOptions(members=frozenset({"a", "b"}), alarm=0.1, at_alarm=0.5, sure=10.0)


def run(course: Floats, options: EnsembleOptions = OPTIONS) -> Floats:
    """float64[slots, n] from scores of one member."""
    state, out = EnsembleState(), []
    for row in course:
        probability, state = combined(("a",), row[None, :], np.isfinite(row), state, options)
        out.append(probability)
    return np.array(out)


def burst(height: float, *slots: int, length: int = 400) -> Floats:
    course = np.zeros((length, 1))
    course[list(slots)] = height
    return course


def test_quiet_series_have_no_probability() -> None:
    assert not run(np.zeros((50, 3))).any()


def test_the_loudest_member_counts_and_others_are_not_heard() -> None:
    scores = np.array([[0.0, 0.0], [0.5, 0.0], [9.0, 9.0]])
    probability, _ = combined(("a", "b", "other"), scores, np.ones(2, bool), EnsembleState(), OPTIONS)
    assert probability[0] > 0.5
    assert probability[1] == 0.0


def test_an_alarm_is_an_event_of_at_least_half() -> None:
    probability = run(burst(0.1, 300))[:, 0]
    assert probability[300] == 0.5
    assert (probability[:300] == 0.0).all()
    assert (probability[301:] < 0.5).all()


def test_an_event_is_forgotten_slowly() -> None:
    after = run(burst(1.0, 300))[301:, 0]
    assert (np.diff(after) < 0).all()
    assert after[0] > 0.2
    assert after[-1] < 0.1


def test_a_series_rests_after_an_event() -> None:
    events = run(burst(0.2, 300, 305, 350))[:, 0] >= 0.5
    assert np.flatnonzero(events).tolist() == [300, 350]


def test_a_young_series_rests_for_thirty_values_and_forgets_sooner() -> None:
    probability = run(burst(0.2, 60, 80, 95))[:, 0]
    assert np.flatnonzero(probability >= 0.5).tolist() == [60, 95]
    assert probability[145] < 0.005


def test_a_much_louder_one_breaks_the_rest() -> None:
    course = burst(0.2, 300)
    course[303] = 2.0
    assert np.flatnonzero(run(course)[:, 0] >= 0.5).tolist() == [300, 303]


def test_a_louder_event_is_surer_and_nothing_is_beyond_certain() -> None:
    heights = [run(burst(height, 300))[300, 0] for height in (0.1, 0.5, 3.0, 1000.0)]
    assert heights == sorted(heights)
    assert 0.5 <= heights[0] < heights[2] < heights[3] <= 1.0


def test_a_missing_value_changes_nothing() -> None:
    course = burst(0.5, 100)
    holes = course.copy()
    holes[150:200] = np.nan
    with_holes, without = run(holes), run(np.delete(course, slice(150, 200), axis=0))
    assert not with_holes[150:200].any()
    np.testing.assert_array_equal(np.delete(with_holes, slice(150, 200), axis=0), without)


def test_series_may_be_added() -> None:
    _, state = combined(("a",), np.array([[0.5]]), np.ones(1, bool), EnsembleState(), OPTIONS)
    probability, state = combined(("a",), np.array([[0.0, 0.5]]), np.ones(2, bool), state, OPTIONS)
    assert probability[1] > 0.5
    assert state.seen.tolist() == [2.0, 1.0]
