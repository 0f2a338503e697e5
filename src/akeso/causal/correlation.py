"""The correlation matrix that causal discovery tests on."""

from dataclasses import dataclass

import numpy as np

from akeso.causal.ranks import normal_scores
from akeso.domain.telemetry.batches import Floats, Mask

_FEWEST = 4  # Fisher's z of a pair needs more than three samples


@dataclass(frozen=True, slots=True)
class CorrelationOptions:
    """How series are correlated.

    ranked: correlate normal scores instead of values; robust to heavy tails and monotone distortion.
    serial: count samples that repeat their neighbours in time for less than one each.
    lags: how far such neighbours are looked for.
    """

    ranked: bool = True
    serial: bool = False
    lags: int = 30


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """matrix: float64[n, n] with ones on its diagonal, no NaN; samples: float64[n, n], how many independent samples
    each entry stands on; usable: bool[n], False for columns that are constant or nearly empty (their entries are 0)."""

    matrix: Floats
    samples: Floats
    usable: Mask


def correlate(samples: Floats, options: CorrelationOptions | None = None) -> Correlation:
    """Pairwise-complete correlation of float64[t, n] columns; NaN and infinities are gaps.

    Where gaps make the matrix indefinite, its negative eigenvalues are cut off (Higham's first projection).
    """
    options = options or CorrelationOptions()
    values = normal_scores(samples) if options.ranked else np.where(np.isfinite(samples), samples, np.nan)
    known = np.isfinite(values)
    scaled = _standardised(values, known)
    pairs = known.T.astype(float) @ known
    matrix = _pairwise(scaled, known, pairs) if not known.all() else scaled.T @ scaled / max(len(scaled), 1)
    usable = (np.sum(scaled**2, axis=0) > 0.0) & (np.sum(known, axis=0) >= _FEWEST)
    matrix = np.where(usable[:, None] & usable & (pairs >= _FEWEST), np.clip(matrix, -1.0, 1.0), 0.0)
    np.fill_diagonal(matrix, 1.0)
    independent = pairs / _inflation(scaled, options.lags) if options.serial else pairs
    return Correlation(matrix if known.all() else _definite(matrix), independent, usable)


def _standardised(values: Floats, known: Mask) -> Floats:
    """Mean 0 and variance 1, gaps 0; a column without variance becomes 0 as a whole."""
    count = np.maximum(known.sum(axis=0), 1)
    size = np.max(np.abs(np.where(known, values, 0.0)), axis=0, initial=0.0)
    centred = np.where(known, values - np.where(known, values, 0.0).sum(axis=0) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    varies = spread > 1e-10 * size
    scaled: Floats = np.where(varies, centred / np.where(varies, spread, 1.0), 0.0)
    return scaled


def _pairwise(scaled: Floats, known: Mask, pairs: Floats) -> Floats:
    """Each pair's own means and variances over the rows that both have."""
    both = known.astype(float)
    count = np.maximum(pairs, 1.0)
    sums, squares = scaled.T @ both, (scaled**2).T @ both
    variance = np.maximum(squares - sums**2 / count, 0.0)
    covariance = scaled.T @ scaled - sums * sums.T / count
    scale = np.sqrt(variance * variance.T)
    matrix: Floats = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 1e-9)
    return matrix


def _definite(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    if len(values) == 0 or values[0] > 1e-8:
        return matrix
    repaired = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(repaired))
    repaired /= scale * scale[:, None]
    np.fill_diagonal(repaired, 1.0)
    return np.asarray(repaired)


def _inflation(scaled: Floats, lags: int) -> Floats:
    """float64[n, n]: variance of a correlation of two serially dependent columns over that of independent ones.

    Bartlett (1946): 1 + 2 Σ (1 − k/t) ρᵢ(k) ρⱼ(k), never below 1.
    """
    total = np.maximum((scaled**2).sum(axis=0), 1e-12)
    steps = range(1, min(lags, len(scaled) // 4) + 1)
    echoes = np.array([(scaled[k:] * scaled[:-k]).sum(axis=0) / total for k in steps]).reshape(-1, scaled.shape[1])
    weights = 1.0 - np.array(steps, float) / max(len(scaled), 1)
    inflation: Floats = np.maximum(1.0 + 2.0 * (echoes.T * weights) @ echoes, 1.0)
    return inflation
