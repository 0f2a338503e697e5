"""Fit the scale of confidence to diagnoses whose truth is known, and judge it on groups that it was not fitted to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.stages.diagnosis.confidence import GROUNDS, Calibration, logit, sigmoid

_STEPS = 50


@dataclass(frozen=True, slots=True)
class Judged:
    """A diagnosis and its truth. group: what belongs together and must not stand on both sides of a cross-validation
    (a kind of fault, a recording); set: where it comes from, which counts for the square root of its cases in a fit;
    weight: what one of its cases counts besides."""

    grounds: Mapping[str, float]
    right: bool
    group: str
    set: str
    case: str = ""
    weight: float = 1.0


Fit: TypeAlias = Callable[[Sequence[Judged]], Callable[[Judged], float]]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How the scale of confidence is fitted.

    ridge: strength of the pull towards no weight at all, in cases, on grounds scaled to unit spread.
    signs: which way a ground may count (1: for, −1: against); one that the cases would turn round is left out.
    """

    ridge: float = 4.0
    signs: Mapping[str, int] | None = None


SIGNS: Mapping[str, int] = {name: -1 if name in {"against", "tie"} else 1 for name in GROUNDS}


def fit(cases: Sequence[Judged], names: Sequence[str], options: FitOptions | None = None) -> Calibration:
    """Ridge logistic regression of `right` on the named grounds. Needs at least one right and one wrong case.

    Grounds whose weight has the wrong sign are left out one by one, so that more evidence never makes less sure.
    """
    options = options or FitOptions()
    chosen = list(names)
    signs = options.signs or SIGNS
    while True:
        intercept, weights = _regress(cases, chosen, options.ridge)
        wrong = {n: w for n, w in zip(chosen, weights, strict=True) if w * signs.get(n, 1) < 0}
        if not wrong:
            floor, ceiling = _limits(cases)
            known = dict(zip(chosen, weights, strict=True))
            return Calibration(intercept, known, floor, ceiling)
        chosen.remove(max(wrong, key=lambda n: abs(wrong[n])))


def recalibrate(scale: Calibration, cases: Sequence[Judged], prior: float = 10.0) -> Calibration:
    """The same scale with its log-odds moved and stretched to what came true (Platt 1999), pulled towards unchanged
    as strongly as `prior` cases would."""
    said = np.array([_odds(scale, case) for case in cases])
    right = np.array([case.right for case in cases], np.float64)
    design = np.column_stack((np.ones(len(said)), said))
    around = np.array([0.0, 1.0])
    spread = np.array([1.0, max(1.0, float(np.mean(said**2)))])
    move, stretch = _newton(design, right, np.ones(len(said)), prior * 0.25 * spread, around)
    stretch = max(0.05, stretch)
    weights = {name: stretch * w for name, w in scale.weights.items()}
    floor, ceiling = _limits(cases)
    return replace(
        scale,
        intercept=move + stretch * scale.intercept,
        weights=weights,
        floor=min(floor, scale.floor),
        ceiling=max(ceiling, scale.ceiling) if len(cases) > prior else scale.ceiling,
    )


def cross_validated(cases: Sequence[Judged], make: Fit, folds: int = 0) -> list[tuple[Judged, float]]:
    """Every case with the probability that a fit to the other groups gives it.

    folds: 0 leaves out one group at a time; else the groups are dealt out to so many folds by their size. A fold whose
    rest cannot be fitted (all right, or all wrong) gives the rest's share of right cases.
    """
    found = []
    for left_out in _folds(cases, folds):
        rest = [case for case in cases if case.group not in left_out]
        speak = make(rest) if len({case.right for case in rest}) == 2 else _share(rest)
        found += [(case, speak(case)) for case in cases if case.group in left_out]
    return found


def by_grounds(names: Sequence[str], options: FitOptions | None = None) -> Fit:
    """The fit of `fit` as a method to cross-validate."""

    def make(cases: Sequence[Judged]) -> Callable[[Judged], float]:
        scale = fit(cases, names, options)
        return lambda case: scale.probability(case.grounds)

    return make


def isotonic(name: str) -> Fit:
    """Isotonic regression on one ground (Zadrozny & Elkan 2002), by pooling adjacent violators; interpolated."""

    def make(cases: Sequence[Judged]) -> Callable[[Judged], float]:
        order = sorted(cases, key=lambda case: case.grounds.get(name, 0.0))
        places = np.array([case.grounds.get(name, 0.0) for case in order])
        weights = _weights(order)
        levels = pooled(np.array([case.right for case in order], np.float64), weights)
        floor, ceiling = _limits(cases)
        return lambda case: float(np.clip(np.interp(case.grounds.get(name, 0.0), places, levels), floor, ceiling))

    return make


def pooled(values: Floats, weights: Floats) -> Floats:
    """float64[n]: the non-decreasing sequence nearest to `values` in weighted squares (Ayer et al. 1955)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, mass, count = blocks.pop()
            together = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / together, together, count + block[2])
        blocks.append(block)
    return np.repeat(np.array([b[0] for b in blocks], np.float64), [b[2] for b in blocks])


def _share(cases: Sequence[Judged]) -> Callable[[Judged], float]:
    share = (sum(case.right for case in cases) + 1.0) / (len(cases) + 2.0)
    return lambda _: share


def _folds(cases: Sequence[Judged], folds: int) -> Iterator[frozenset[str]]:
    sizes: dict[str, int] = {}
    for case in cases:
        sizes[case.group] = sizes.get(case.group, 0) + 1
    ordered = sorted(sizes, key=lambda group: (-sizes[group], group))
    if folds <= 0:
        yield from (frozenset({group}) for group in ordered)
        return
    hands: list[list[str]] = [[] for _ in range(min(folds, len(ordered)))]
    for group in ordered:
        min(hands, key=lambda hand: sum(sizes[g] for g in hand)).append(group)
    yield from map(frozenset, hands)


def _regress(cases: Sequence[Judged], names: Sequence[str], ridge: float) -> tuple[float, list[float]]:
    table = np.array([[case.grounds.get(name, 0.0) for name in names] for case in cases], np.float64)
    table = table.reshape(len(cases), len(names))
    weights = _weights(cases)
    middle = np.average(table, axis=0, weights=weights)
    spread = np.sqrt(np.average((table - middle) ** 2, axis=0, weights=weights))
    spread[spread < 1e-9] = np.inf  # a constant says nothing
    design = np.column_stack((np.ones(len(cases)), (table - middle) / spread))
    right = np.array([case.right for case in cases], np.float64)
    pull = np.concatenate(([1e-6], np.full(len(names), ridge * 0.25)))
    found = _newton(design, right, weights, pull, np.zeros(len(pull)))
    slopes = found[1:] / spread
    return float(found[0] - slopes @ middle), slopes.tolist()


def _newton(design: Floats, right: Floats, weights: Floats, pull: Floats, around: Floats) -> Floats:
    """The maximum of the penalised likelihood; `pull`: the penalty's curvature around `around`."""
    found = around.copy()
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ found, -30.0, 30.0)))
        gradient = design.T @ (weights * (right - chance)) - pull * (found - around)
        curvature = (design * (weights * chance * (1.0 - chance))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        # Far from the maximum a whole step may overshoot.
        found = found + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-9:
            break
    return found


def _weights(cases: Sequence[Judged]) -> Floats:
    """float64[n], mean 1: a set counts for the square root of its size, so that no set drowns the others."""
    sizes: dict[str, int] = {}
    for case in cases:
        sizes[case.set] = sizes.get(case.set, 0) + 1
    raw = np.array([case.weight * sizes[case.set] ** -0.5 for case in cases], np.float64)
    weights: Floats = raw * (len(raw) / raw.sum())
    return weights


def _limits(cases: Sequence[Judged]) -> tuple[float, float]:
    """No probability nearer to 0 or 1 than one more miss among the right (a hit among the wrong) would put it."""
    right = sum(case.right for case in cases)
    return 1.0 / (len(cases) - right + 2.0), 1.0 - 1.0 / (right + 2.0)


def _odds(scale: Calibration, case: Judged) -> float:
    return logit(scale.probability(case.grounds))


def platt(name: str) -> Fit:
    """Logistic regression on one ground alone."""
    return by_grounds((name,))


def unchanged() -> Fit:
    """The softmax share as it is: what was said before anything was fitted."""
    return lambda _: lambda case: sigmoid(case.grounds.get("odds", 0.0))
