"""Average effects of a treatment of two values, by weighting and by matching on the propensity to be treated."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from akeso.causal.effect import Effect, NotEstimable, Trial, interval
from akeso.causal.independence import Indices
from akeso.domain.telemetry.batches import Floats, Mask

_SHARPEST = 0.02  # propensities closer to 0 or 1 are taken as this: one row shall not outweigh fifty
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True, eq=False)
class _Arms:
    """treated: bool[t]; propensity: float64[t]; expected: float64[2, t], outcome untreated and treated, by linear
    regression in each arm."""

    treated: Mask
    propensity: Floats
    expected: Floats


def by_weighting(trial: Trial, level: float = 0.95) -> Effect | NotEstimable:
    """Augmented inverse-propensity weighting (Robins, Rotnitzky & Zhao 1994), the interval from its influence function.

    Right when either the propensity (logistic) or the outcome (linear) follows its model; rows must be independent.
    """
    arms = _arms(trial)
    if isinstance(arms, NotEstimable):
        return arms
    untreated, treated = arms.expected
    missed = trial.outcome - np.where(arms.treated, treated, untreated)
    weight = np.where(arms.treated, 1.0 / arms.propensity, -1.0 / (1.0 - arms.propensity))
    influence = treated - untreated + weight * missed
    rows = len(influence)
    error = float(np.std(influence, ddof=2 + trial.confounders.shape[1])) / sqrt(rows)
    return interval(float(influence.mean()), error, level, rows, rows - 2 - trial.confounders.shape[1])


def by_matching(trial: Trial, level: float = 0.95, matches: int = 4) -> Effect | NotEstimable:
    """Nearest neighbours on the propensity, with replacement, bias-corrected (Abadie & Imbens 2006 and 2011).

    The interval takes the propensity as known, which is conservative (Abadie & Imbens 2016); rows must be independent.
    """
    arms = _arms(trial)
    if isinstance(arms, NotEstimable):
        return arms
    matches = min(matches, int(arms.treated.sum()) - 1, int((~arms.treated).sum()) - 1)
    rows, arm = np.arange(len(arms.treated)), arms.treated.astype(int)
    other = _nearest(arms, matches, across=True)
    # A match stands for what it has beyond what its own arm's regression expects of it.
    missed = trial.outcome - arms.expected[arm, rows]
    imputed = arms.expected[1 - arm, rows] + missed[other].mean(axis=1)
    gains = np.where(arms.treated, 1.0, -1.0) * (trial.outcome - imputed)
    used = np.bincount(other.ravel(), minlength=len(rows)) / matches
    alike = _nearest(arms, matches, across=False)
    noise = matches / (matches + 1.0) * (missed - missed[alike].mean(axis=1)) ** 2
    spread = np.mean((gains - gains.mean()) ** 2) + np.mean((used**2 + (2.0 - 1.0 / matches) * used) * noise)
    error = sqrt(float(spread) / len(rows))
    return interval(float(gains.mean()), error, level, len(rows), len(rows) - 2 - trial.confounders.shape[1])


def _arms(trial: Trial) -> _Arms | NotEstimable:
    treated = trial.treated
    if treated is None:
        return NotEstimable("the treatment does not have exactly two values")
    least = trial.confounders.shape[1] + 3
    if min(treated.sum(), (~treated).sum()) < least:
        return NotEstimable(f"fewer than {least} rows in one arm")
    spread = trial.confounders.std(axis=0)
    scaled = (trial.confounders - trial.confounders.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    design = np.column_stack((np.ones(len(treated)), scaled))
    propensity = np.clip(_logistic(design, treated), _SHARPEST, 1.0 - _SHARPEST)
    slopes = [np.linalg.lstsq(design[arm], trial.outcome[arm], rcond=None)[0] for arm in (~treated, treated)]
    return _Arms(treated, propensity, np.array([design @ each for each in slopes]))


def _logistic(design: Floats, treated: Mask, rounds: int = 30) -> Floats:
    """Probabilities by Newton's method; a weak ridge keeps separated data finite."""
    slopes, ridge = np.zeros(design.shape[1]), 1e-2 * np.eye(design.shape[1])
    for _ in range(rounds):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ slopes, -30.0, 30.0)))
        curvature = (design * (chance * (1.0 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, design.T @ (treated - chance) - ridge @ slopes)
        slopes += np.clip(step, -3.0, 3.0)
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(design @ slopes, -30.0, 30.0))), np.float64)


def _nearest(arms: _Arms, matches: int, *, across: bool) -> Indices:
    """int[t, matches]: rows of the other arm (or of the own one, without the row itself) closest in log-odds."""
    odds = np.log(arms.propensity / (1.0 - arms.propensity))
    # Rows alike in everything are spread by a hair, or the first of them would be everybody's match.
    odds = odds + 1e-9 * (np.arange(len(odds)) * _GOLDEN % 1.0)
    found = np.empty((len(odds), matches), np.int64)
    for arm in (False, True):
        asking, offered = np.flatnonzero(arms.treated == arm), np.flatnonzero(arms.treated == (arm ^ across))
        offered = offered[np.argsort(odds[offered], kind="stable")]
        place = np.searchsorted(odds[offered], odds[asking])
        # In a sorted list the nearest are among as many to the left and to the right; one more for the row itself.
        window = place[:, None] + np.arange(-matches - 1, matches + 1)
        inside = (window >= 0) & (window < len(offered))
        candidates = offered[np.clip(window, 0, len(offered) - 1)]
        far = np.where(inside & (candidates != asking[:, None]), np.abs(odds[candidates] - odds[asking, None]), np.inf)
        found[asking] = np.take_along_axis(candidates, np.argsort(far, axis=1, kind="stable")[:, :matches], axis=1)
    return found
