"""The NAB score against cases computed by hand from the rules of NAB 1.1."""

from math import exp

import numpy as np
import pytest

from akeso.bench.nab.scorer import PROFILES, Profile, Scored, at_threshold, optimised, probation, scaled_sigmoid, worth

STANDARD, LOW_FP, LOW_FN = PROFILES
ROWS = 100
WINDOW = (40, 49)


def sigmoid(x: float) -> float:
    return 2.0 / (1.0 + exp(5.0 * x)) - 1.0


def scored(*rows: int, windows: tuple[tuple[int, int], ...] = (WINDOW,)) -> Scored:
    scores = np.zeros(ROWS)
    scores[list(rows)] = 1.0
    return Scored(scores, windows)


def test_the_sigmoid_is_steep_at_the_end_of_a_window_and_flat_far_away() -> None:
    worths = scaled_sigmoid(np.array([-1.0, 0.0, 1.0, 3.0, 3.01]))
    np.testing.assert_allclose(worths, [0.98661, 0.0, -0.98661, sigmoid(3.0), -1.0], atol=1e-5)


def test_probation_is_15_percent_and_at_most_750_rows() -> None:
    assert [probation(rows) for rows in (100, 4032, 5000, 16000)] == [15, 604, 750, 750]


def test_worth_falls_in_a_window_and_further_behind_it() -> None:
    value, number = worth(ROWS, (WINDOW,))
    first = sigmoid(-1.0)
    assert value[39] == -1.0
    assert value[40] == pytest.approx(1.0)
    assert value[45] == pytest.approx(sigmoid(-0.5) / first)  # 5 of 10 rows are left, the row itself included
    assert value[49] == pytest.approx(sigmoid(-0.1) / first)
    assert value[52] == pytest.approx(sigmoid(3 / 9))  # past the end by 3 of width - 1
    assert value[99] == -1.0
    assert number[39:51].tolist() == [-1] + [0] * 10 + [-1]


def test_a_detection_at_the_start_of_every_window_is_perfect() -> None:
    for profile in PROFILES:
        assert optimised([scored(40)], profile).score == pytest.approx(100.0)


def test_saying_nothing_is_zero() -> None:
    for profile in PROFILES:
        assert optimised([scored()], profile).score == pytest.approx(0.0)


@pytest.mark.parametrize(("profile", "expected"), [(STANDARD, 94.5), (LOW_FP, 89.0), (LOW_FN, 100 * (2.89 / 3))])
def test_a_false_alarm_costs_by_profile(profile: Profile, expected: float) -> None:
    assert at_threshold([scored(20, 40)], profile, 1.0).score == pytest.approx(expected)


def test_only_the_best_detection_of_a_window_counts() -> None:
    assert at_threshold([scored(41, 44, 48)], STANDARD, 1.0).raw == pytest.approx(sigmoid(-0.9) / sigmoid(-1.0))


def test_a_missed_window_costs_its_weight() -> None:
    corpus = [scored(40), scored(windows=(WINDOW,))]
    assert at_threshold(corpus, STANDARD, 1.0).raw == pytest.approx(0.0)
    assert at_threshold(corpus, LOW_FN, 1.0).raw == pytest.approx(-1.0)


def test_rows_in_probation_neither_hit_nor_cost() -> None:
    assert at_threshold([scored(3, 40)], STANDARD, 1.0).score == pytest.approx(100.0)


def test_one_threshold_is_chosen_for_the_whole_corpus() -> None:
    noisy, clear = scored(40), scored(40)
    noisy.scores[20:36] = 0.6
    clear.scores[40] = 0.5
    result = optimised([noisy, clear], STANDARD)
    # At 0.5 both windows are met and sixteen false alarms cost 1.76; at 1.0 a missed window costs 2 as compared.
    assert result.threshold == 0.5
    assert result.raw == pytest.approx(2 - 16 * 0.11)
    assert optimised([noisy, clear], LOW_FP).threshold == 1.0


def test_equal_scores_stand_or_fall_together() -> None:
    flat = Scored(np.full(ROWS, 0.3), (WINDOW,))
    assert optimised([flat], STANDARD).raw == pytest.approx(-1.0)
