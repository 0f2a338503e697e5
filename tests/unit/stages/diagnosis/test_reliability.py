import numpy as np
import pytest

from akeso.stages.diagnosis.reliability import (
    brier,
    calibration_error,
    log_loss,
    reliability,
    selective_accuracy,
    unavoidable_error,
    wilson,
)


def test_a_bin_says_what_was_said_and_what_came_true() -> None:
    [low, high] = reliability([(0.15, False), (0.15, True), (0.95, True), (1.0, True)])
    assert (low.low, low.cases, low.said, low.came) == (0.1, 2, 0.15, 0.5)
    assert (high.cases, high.said, high.came) == (2, 0.975, 1.0)
    assert low.least < 0.5 < low.most


def test_the_error_is_the_mean_gap_by_cases() -> None:
    # 2 of 4 cases are off by 0.35, 2 by 0.025.
    assert calibration_error([(0.15, False), (0.15, True), (0.95, True), (1.0, True)]) == pytest.approx(0.1875)


def test_scores_of_nothing_are_none() -> None:
    assert (brier([]), log_loss([]), calibration_error([]), unavoidable_error([], np.random.default_rng(0))) == (
        None,
    ) * 4
    assert selective_accuracy([]) == {}


def test_a_certainty_that_fails_costs_much_and_not_infinitely() -> None:
    assert log_loss([(1.0, False)]) == pytest.approx(13.8155, abs=1e-3)
    assert log_loss([(0.5, True)]) == pytest.approx(0.6931, abs=1e-4)


def test_the_surest_are_counted_first_and_ties_by_their_mean() -> None:
    said = [(0.9, True), (0.8, True), (0.5, True), (0.5, False)]
    assert selective_accuracy(said, (0.5, 0.75, 1.0)) == {"50%": 1.0, "75%": 0.8333, "100%": 0.75}


def test_few_cases_cannot_show_less_than_chance() -> None:
    rng = np.random.default_rng(1)
    few = unavoidable_error([(0.7, True)] * 20, rng)
    many = unavoidable_error([(0.7, True)] * 2000, rng)
    assert few is not None
    assert many is not None
    assert (few > 0.05, many < 0.02) == (True, True)


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Wilson (1927), 8 of 10.
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)
