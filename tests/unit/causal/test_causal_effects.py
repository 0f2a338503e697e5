"""Effects on samples whose effect is known: bias, coverage, refutation."""

from dataclasses import replace

import numpy as np
import pytest

from akeso.causal.effect import Effect, Estimator, NotEstimable, Trial, by_regression
from akeso.causal.propensity import by_matching, by_weighting
from akeso.causal.refutation import Refutation, placebo, random_common_cause
from akeso.domain.telemetry.batches import Floats

TRUTH = 2.0
ESTIMATORS = [by_regression, by_weighting, by_matching]
PUSHES = np.array([0.8, -0.5, 0.3])


def confounded(rng: np.random.Generator, rows: int, truth: float = TRUTH, *, binary: bool = True) -> Trial:
    """Confounders push treatment and outcome; the effect differs with the first; noise is unequal and heavy-tailed."""
    x = rng.normal(size=(rows, 3))
    push = x @ PUSHES
    dose = (rng.random(rows) < 1.0 / (1.0 + np.exp(-push))).astype(float) if binary else push + rng.normal(size=rows)
    own = 0.5 * x[:, 0] if binary else 0.0
    noise = rng.standard_t(5, rows) * (1.0 + 0.5 * np.abs(x[:, 0]))
    return Trial(dose, (truth + own) * dose + x @ np.array([1.0, 1.0, -1.0]) + noise, x)


def coverage(estimator: Estimator, rounds: int, rows: int, *, binary: bool) -> tuple[float, float]:
    """Share of intervals that hold the truth, and mean error of the estimates."""
    rng = np.random.default_rng(11)
    found = [estimator(confounded(rng, rows, binary=binary)) for _ in range(rounds)]
    effects = [each for each in found if isinstance(each, Effect)]
    assert len(effects) == rounds
    errors = [each.estimate - TRUTH for each in effects]
    return float(np.mean([each.low <= TRUTH <= each.high for each in effects])), float(np.mean(errors))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_intervals_hold_the_truth_as_often_as_they_say(estimator: Estimator) -> None:
    share, bias = coverage(estimator, 300, 300, binary=True)
    assert 0.915 <= share <= 0.985  # 95 % ± 3 standard errors of the measurement
    assert abs(bias) < 0.06


def test_intervals_of_a_continuous_treatment_hold_the_truth_as_often_as_they_say() -> None:
    share, bias = coverage(by_regression, 300, 100, binary=False)
    assert 0.915 <= share <= 0.985
    assert abs(bias) < 0.05


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_without_the_confounders_the_estimate_is_wrong(estimator: Estimator) -> None:
    trial = confounded(np.random.default_rng(2), 3000)
    blind = estimator(replace(trial, confounders=trial.confounders[:, :0]))
    assert isinstance(blind, Effect)
    assert not blind.low <= TRUTH <= blind.high


def test_errors_that_last_need_the_lags() -> None:
    rng = np.random.default_rng(3)

    def lasting(rows: int) -> Floats:
        x = rng.normal(size=rows)
        for row in range(1, rows):
            x[row] += 0.8 * x[row - 1]
        return x

    trials = [Trial(lasting(400), lasting(400), np.empty((400, 0))) for _ in range(200)]
    naive = [found.clear for each in trials if isinstance(found := by_regression(each), Effect)]
    aware = [found.clear for each in trials if isinstance(found := by_regression(each, lags=20), Effect)]
    assert np.mean(naive) > 0.2
    assert np.mean(aware) < 0.5 * np.mean(naive)


def test_rows_with_gaps_are_left_out() -> None:
    samples = np.random.default_rng(4).normal(size=(100, 5))
    samples[3, 1] = samples[4, 4] = samples[5, 2] = np.nan
    trial = Trial.of(samples, 1, 4, {3})
    assert trial.confounders.shape == (98, 1)
    np.testing.assert_array_equal(trial.outcome[:4], samples[[0, 1, 2, 5], 4])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("rows", [0, 1, 6])
def test_too_few_samples_are_said_to_be_too_few(estimator: Estimator, rows: int) -> None:
    assert isinstance(estimator(confounded(np.random.default_rng(5), rows)), NotEstimable)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_treatment_that_never_changes_has_no_known_effect(estimator: Estimator) -> None:
    trial = confounded(np.random.default_rng(6), 200)
    assert isinstance(estimator(replace(trial, treatment=np.ones(200))), NotEstimable)


def test_a_treatment_that_the_confounders_determine_has_no_known_effect() -> None:
    trial = confounded(np.random.default_rng(7), 200)
    assert isinstance(by_regression(replace(trial, treatment=trial.confounders @ PUSHES)), NotEstimable)


@pytest.mark.parametrize("estimator", [by_weighting, by_matching])
def test_only_two_values_can_be_weighted_or_matched(estimator: Estimator) -> None:
    assert isinstance(estimator(confounded(np.random.default_rng(8), 200, binary=False)), NotEstimable)


@pytest.mark.parametrize("estimator", [by_weighting, by_matching])
def test_arms_that_hardly_overlap_still_give_finite_answers(estimator: Estimator) -> None:
    trial = confounded(np.random.default_rng(9), 300)
    found = estimator(replace(trial, treatment=(trial.confounders[:, 0] > 0).astype(float)))
    assert isinstance(found, Effect)
    assert np.isfinite([found.estimate, found.low, found.high]).all()


def test_a_real_effect_survives_both_refutations() -> None:
    rng = np.random.default_rng(10)
    trial = confounded(rng, 400)
    for attempt in (placebo(trial, by_regression, rng, 60), random_common_cause(trial, by_regression, rng)):
        assert isinstance(attempt, Refutation)
        assert attempt.holds
    shifted = placebo(trial, by_regression, rng, 60, serial=True)
    assert isinstance(shifted, Refutation)
    assert shifted.holds
    assert abs(shifted.mean) < 0.5


def test_chance_does_not_survive_the_placebo() -> None:
    rng = np.random.default_rng(12)
    attempts = [placebo(confounded(rng, 150, 0.0, binary=False), by_regression, rng, 40) for _ in range(20)]
    assert sum(isinstance(each, Refutation) and each.holds for each in attempts) <= 4


def test_an_estimate_of_four_rows_is_moved_by_chance() -> None:
    rng = np.random.default_rng(13)
    few = Trial(rng.normal(size=6), rng.normal(size=6), np.empty((6, 0)))
    attempt = random_common_cause(few, by_regression, rng)
    assert isinstance(attempt, Refutation)
    assert not attempt.holds


def test_what_cannot_be_estimated_cannot_be_refuted() -> None:
    rng = np.random.default_rng(14)
    empty = Trial(np.empty(0), np.empty(0), np.empty((0, 0)))
    assert isinstance(placebo(empty, by_regression, rng), NotEstimable)
    assert isinstance(random_common_cause(empty, by_regression, rng), NotEstimable)
