"""Drift: how far features are from those that a model was trained on, over all features at once.

Population stability index (PSI), the two-sample Kolmogorov–Smirnov distance (KS) and the Jensen–Shannon divergence
(JS, in bits; Lin 1991). PSI and JS are taken over bins between quantiles of the reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, Floats, Mask
from akeso.domain.telemetry.signal import Signal

Sample = NDArray[np.floating]

# Load comes and goes with the time of day, and silence and new templates are events: no drift of what a model learnt.
_IGNORED = (Signal.TRAFFIC, Signal.SILENCE, Signal.NOVELTY, Signal.LOG_SURPRISE)


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """When features have drifted from the model's reference.

    bound: a feature has drifted when both PSI and KS exceed what is usual for it (see `variability`) by more than this.
    share: the model has drifted when this share of the judged features has.
    bins: bins of the histograms that PSI compares.
    least: values that a feature needs in the reference and in the recent past to be judged.
    features: judged features that are needed for a verdict.
    parts: parts into which the reference is divided to see how much it varies by itself.
    """

    bound: float = 0.2
    share: float = 0.5
    bins: int = 10
    least: int = 20
    features: int = 3
    parts: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """float64[n] each, NaN where a side has no value. chance: the PSI that two samples of these sizes from one
    distribution have on average, (bins − 1)(1/m + 1/t) over the bins that hold anything."""

    psi: Floats
    ks: Floats
    js: Floats
    chance: Floats


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """features: how many were judged; share: of them, those that drifted; psi, ks (both beyond what is usual), js:
    medians over them; worst: row of the feature with the largest KS, -1 when none was judged."""

    features: int
    share: float
    psi: float
    ks: float
    js: float
    worst: int


def drift(reference: Sample, recent: Sample, bins: int = 10) -> Drift:
    """reference: [m, n], recent: [t, n], NaN missing; the n features are the same."""
    old, new = np.asarray(reference, np.float64), np.asarray(recent, np.float64)
    m, t = np.isfinite(old).sum(axis=0), np.isfinite(new).sum(axis=0)
    edges = _edges(np.sort(old, axis=0), m, bins)  # NaN sorts to the end
    before, after = _counts(old, edges, m), _counts(new, edges, t)
    used = (before > 0) | (after > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.maximum(used.sum(axis=0) - 1, 0) * (1.0 / m + 1.0 / t)
        js = _js(before / m, after / t)
    told = (m > 0) & (t > 0)
    blank = np.full(len(m), np.nan)
    return Drift(
        psi=np.where(told, _psi(before, after, used), blank),
        ks=np.where(told, _ks(old, new, m, t), blank),
        js=np.where(told, js, blank),
        chance=np.where(told, chance, blank),
    )


def judged(reference: Sample, recent: Sample, signals: Codes, least: int) -> Mask:
    """bool[n]: features with enough values on both sides, of a signal that may drift, that ever move."""
    enough = (np.isfinite(reference).sum(axis=0) >= least) & (np.isfinite(recent).sum(axis=0) >= least)
    both = np.concatenate([np.asarray(reference, np.float64), np.asarray(recent, np.float64)])
    still = np.fmax.reduce(both, axis=0) == np.fmin.reduce(both, axis=0)
    return np.asarray(enough & ~still & ~np.isin(signals, _IGNORED))


def summarise(
    reference: Sample, recent: Sample, signals: Codes, options: DriftOptions, usual: "BaselineVariability | None" = None
) -> DriftSummary:
    """Whether what most features do has changed. usual: of all features, when it is known already."""
    rows = np.flatnonzero(judged(reference, recent, signals, options.least))
    if not len(rows):
        return DriftSummary(0, 0.0, 0.0, 0.0, 0.0, -1)
    found = drift(reference[:, rows], recent[:, rows], options.bins)
    usual = usual or variability(reference, options)
    psi = np.maximum(found.psi - found.chance - usual.psi[rows], 0.0)
    ks = np.maximum(found.ks - usual.ks[rows], 0.0)
    moved = (psi > options.bound) & (ks > options.bound)
    return DriftSummary(
        features=len(rows),
        share=float(np.mean(moved)),
        psi=float(np.median(psi)),
        ks=float(np.median(ks)),
        js=float(np.median(found.js)),
        worst=int(rows[np.argmax(found.ks)]),
    )


def drifted(summary: DriftSummary, options: DriftOptions) -> bool:
    """Whether the model looks at something else than it was trained on."""
    return summary.features >= options.features and summary.share >= options.share


@dataclass(frozen=True, slots=True, eq=False)
class BaselineVariability:
    """float64[n]: how far a feature gets from itself while nothing has changed, PSI beyond chance and KS."""

    psi: Floats
    ks: Floats


def variability(reference: Sample, options: DriftOptions) -> BaselineVariability:
    """How far the parts of the reference are from the rest of it, at most.

    Features of services follow their load, so neighbouring values resemble each other: a short stretch of a series that
    is as ever is far from another by the measure of independent samples.
    """
    psi, ks = [], []
    for part in np.array_split(np.arange(len(reference)), options.parts):
        rest = np.delete(reference, part, axis=0)
        found = drift(rest, reference[part], options.bins)
        psi.append(np.maximum(found.psi - found.chance, 0.0))
        ks.append(found.ks - _chance_ks(rest, reference[part]))
    return BaselineVariability(_most(psi), _most(ks))


def _chance_ks(one: Sample, other: Sample) -> Floats:
    # The mean of the Kolmogorov distribution, √(π/2) ln 2, over the root of the effective number of values.
    m, t = np.isfinite(one).sum(axis=0), np.isfinite(other).sum(axis=0)
    with np.errstate(divide="ignore"):
        return np.asarray(0.8687 * np.sqrt(1.0 / m + 1.0 / t))


def _most(parts: Sequence[Floats]) -> Floats:
    # Of the parts that have values; 0 where none has.
    return np.asarray(np.where(np.isfinite(parts), parts, 0.0).max(axis=0, initial=0.0))


def _edges(ordered: Floats, m: NDArray[np.intp], bins: int) -> Floats:
    # [bins - 1, n]: the empirical quantiles k/bins of each column.
    ranks = np.ceil(np.arange(1, bins)[:, None] * m[None, :] / bins).astype(np.intp) - 1
    picked: Floats = np.take_along_axis(ordered, np.clip(ranks, 0, max(len(ordered) - 1, 0)), axis=0)
    return picked


def _counts(values: Floats, edges: Floats, total: NDArray[np.intp]) -> Floats:
    # [bins, n]: a value that equals an edge belongs below it.
    below = np.array([(values <= edge).sum(axis=0) for edge in edges], np.float64)
    cumulated = np.concatenate([np.zeros((1, len(total))), below, total[None, :].astype(np.float64)])
    return np.diff(cumulated, axis=0)


def _psi(before: Floats, after: Floats, used: Mask) -> Floats:
    # Half a value is added to each bin that holds anything, so that an empty one does not make it infinite.
    half = np.where(used, 0.5, 0.0)
    p, q = before + half, after + half
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = p / p.sum(axis=0), q / q.sum(axis=0)
        terms = np.where(used, (q - p) * np.log(q / p), 0.0)
    return np.asarray(terms.sum(axis=0))


def _ks(reference: Floats, recent: Floats, m: NDArray[np.intp], t: NDArray[np.intp]) -> Floats:
    pooled = np.concatenate([reference, recent])
    order = np.argsort(pooled, axis=0, kind="stable")
    ordered = np.take_along_axis(pooled, order, axis=0)
    with np.errstate(divide="ignore"):
        step = np.where(order < len(reference), 1.0 / m, -1.0 / t)
    gap = np.abs(np.cumsum(np.where(np.isfinite(ordered), step, 0.0), axis=0))
    # Of equal values only the last counts: the distribution functions are compared after all of them.
    last = np.concatenate([ordered[1:] != ordered[:-1], np.ones((1, len(m)), bool)])
    return np.asarray(np.max(np.where(last, gap, 0.0), axis=0, initial=0.0))


def _js(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    return np.asarray((_relative(p, middle) + _relative(q, middle)) / 2)


def _relative(p: Floats, middle: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(p > 0, p * np.log2(p / middle), 0.0).sum(axis=0))
