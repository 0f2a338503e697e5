"""Pooled failures, and how surprising counts are."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.telemetry.scale import normal_range, scaled, surprise, unscaled
from akeso.domain.telemetry.signal import Signal
from akeso.stages.detection.failures import POOL, FailureState, FailureView, learnt, looked_at, pooled


def test_the_surprise_bounds_the_true_tail() -> None:
    # P(X ≥ 5 | λ = 1) = 0.00366, P(X ≥ 10 | λ = 2) = 4.65e-5
    assert np.exp(-surprise(np.array([5.0, 10.0]), np.array([1.0, 2.0]))) == pytest.approx([0.017, 2.9e-4], rel=0.1)


def test_no_more_than_expected_is_no_surprise() -> None:
    assert not surprise(np.array([0.0, 1.0, 2.0]), np.array([2.0, 2.0, 2.0])).any()


@given(st.floats(0.0, 1e6), st.sampled_from(list(Signal)))
def test_a_value_survives_its_scale_and_back(value: float, signal: Signal) -> None:
    code = np.array([signal], np.uint8)
    assert unscaled(scaled(np.array([value]), code), code)[0] == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_a_spread_of_a_latency_is_a_factor() -> None:
    code = np.array([Signal.LATENCY], np.uint8)
    expected, spread = normal_range(np.log(np.array([101.0])), np.log(np.array([2.0])), code)
    assert (expected[0], spread[0]) == pytest.approx((100.0, 101.0))


def test_the_pool_holds_the_last_slots_only() -> None:
    state = FailureState.empty().grown(1)
    for ratio in [1.0] * 3 + [0.0] * (POOL - 1):
        state, view = pooled(state, np.array([ratio]), np.array([10.0]))
    assert view.ratio[0] == pytest.approx(1 / POOL)


def test_a_slot_without_calls_changes_nothing() -> None:
    state, _ = pooled(FailureState.empty().grown(1), np.array([0.5]), np.array([10.0]))
    after, _ = pooled(state, np.array([np.nan]), np.array([0.0]))
    np.testing.assert_array_equal(after.failures, state.failures)


def test_failures_that_are_over_surprise_nobody() -> None:
    state = FailureState.empty().grown(1)
    for ratio in (1.0, 1.0):
        state, view = pooled(state, np.array([ratio]), np.array([10.0]))
    assert view.surprise[0] > 10.0
    _, view = pooled(state, np.array([0.0]), np.array([10.0]))
    assert view.surprise[0] == 0.0


def test_only_what_is_learnt_moves_the_expected_share() -> None:
    state, before = pooled(FailureState.empty().grown(1), np.array([0.5]), np.array([100.0]))
    _, masked = pooled(learnt(state, np.array([False])), np.array([0.0]), np.array([1.0]))
    _, taken = pooled(learnt(state, np.array([True])), np.array([0.0]), np.array([1.0]))
    assert masked.expected[0] == before.expected[0] < taken.expected[0]


def trailing(calls: Sequence[float], failures: Sequence[float]) -> tuple[FailureState, FailureView]:
    """What is pooled of slots whose ratios stand on as few of the last three slots as hold eight calls."""
    state = FailureState.empty().grown(1)
    for slot in range(len(calls)):
        depth = next((d for d in (1, 2) if sum(calls[max(0, slot + 1 - d) : slot + 1]) >= 8), 3)
        own = slice(max(0, slot + 1 - depth), slot + 1)
        ratio = sum(failures[own]) / max(sum(calls[own]), 1.0)
        state, view = pooled(state, np.array([ratio if calls[slot] else np.nan]), np.array([calls[slot]]))
    return state, view


def test_a_ratio_of_several_slots_is_taken_apart() -> None:
    state, _ = trailing([4, 2, 5, 9, 2, 3], [0, 0, 1, 3, 2, 2])
    np.testing.assert_allclose(state.failures[0], [0, 0, 1, 3, 2, 2], atol=1e-9)


def test_a_slot_without_calls_between_does_not_confuse_the_count() -> None:
    state, _ = trailing([3, 0, 2, 0, 0, 4], [1, 0, 1, 0, 0, 2])
    np.testing.assert_allclose(state.failures[0, -3:], [1, 1, 2], atol=1e-9)


def test_one_burst_is_no_repeated_failure_however_long_the_ratio_remembers_it() -> None:
    for rest in range(3):
        assert trailing([2, 2, 3] + [2] * rest, [0, 0, 3] + [0] * rest)[1].surprise[0] == 0.0


def test_few_failures_of_few_calls_surprise_in_the_second_slot() -> None:
    _, view = trailing([4, 3, 4, 2, 5, 2], [0, 0, 0, 0, 1, 2])
    assert view.surprise[0] > 7.0


def after_a_look(early: float, whole: float) -> float:
    state = FailureState.empty().grown(1)
    for _ in range(3):
        state, _ = pooled(state, np.array([0.0]), np.array([9.0]))
    seen, _ = pooled(state, np.array([early / 9]), np.array([9.0]))
    _, view = pooled(looked_at(state, seen), np.array([whole / 9]), np.array([9.0]))
    return float(view.surprise[0])


def test_failures_before_and_after_an_early_look_are_repeated() -> None:
    assert after_a_look(early=2.0, whole=5.0) > 10.0


def test_failures_on_one_side_of_an_early_look_are_one_burst() -> None:
    assert after_a_look(early=0.0, whole=5.0) == 0.0
    assert after_a_look(early=5.0, whole=5.0) == 0.0
