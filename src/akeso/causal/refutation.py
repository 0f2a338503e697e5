"""Attempts to refute an estimated effect (Sharma & Kiciman 2020): what should destroy it, what should not matter."""

from dataclasses import dataclass, replace

import numpy as np

from akeso.causal.effect import Effect, Estimator, NotEstimable, Trial
from akeso.domain.telemetry.batches import Floats


@dataclass(frozen=True, slots=True)
class Refutation:
    """attempt: what was tried; mean: of the repeated estimates; p: how often chance alone does as well as the
    original; holds: the estimate survived."""

    attempt: str
    mean: float
    p: float
    holds: bool


def placebo(
    trial: Trial, estimator: Estimator, rng: np.random.Generator, rounds: int = 100, *, serial: bool = False
) -> Refutation | NotEstimable:
    """A treatment that did nothing: the own one in another order, or (serial) shifted in time around a circle.

    Survives when at most 5 % of the placebos look as strong as the original, measured in standard errors.
    """
    original = estimator(trial)
    if isinstance(original, NotEstimable):
        return original
    repeated = [estimator(replace(trial, treatment=_displaced(trial.treatment, rng, serial))) for _ in range(rounds)]
    effects = [each for each in repeated if isinstance(each, Effect)]
    if len(effects) < rounds // 2:
        return NotEstimable("most placebos cannot be estimated")
    strong = sum(_strength(each) >= _strength(original) for each in effects)
    p = (1.0 + strong) / (1.0 + len(effects))
    return Refutation("placebo", float(np.mean([each.estimate for each in effects])), p, p <= 0.05)


def random_common_cause(
    trial: Trial, estimator: Estimator, rng: np.random.Generator, rounds: int = 20
) -> Refutation | NotEstimable:
    """One more confounder of pure chance: a sound estimate does not move by more than a fraction of its error.

    p: share of rounds that moved it by more than half a standard error; survives when that is at most one in twenty.
    """
    original = estimator(trial)
    if isinstance(original, NotEstimable):
        return original
    noise = rng.normal(size=(rounds, len(trial.outcome), 1))
    repeated = [estimator(replace(trial, confounders=np.hstack((trial.confounders, each)))) for each in noise]
    effects = [each.estimate for each in repeated if isinstance(each, Effect)]
    if len(effects) < rounds // 2:
        return NotEstimable("most repetitions cannot be estimated")
    moved = float(np.mean([abs(each - original.estimate) > 0.5 * original.error for each in effects]))
    return Refutation("random common cause", float(np.mean(effects)), moved, moved <= 0.05)


def _displaced(treatment: Floats, rng: np.random.Generator, serial: bool) -> Floats:
    if serial:
        return np.roll(treatment, int(rng.integers(1, max(2, len(treatment)))))
    return rng.permutation(treatment)


def _strength(effect: Effect) -> float:
    return abs(effect.estimate) / effect.error if effect.error > 0.0 else np.inf
