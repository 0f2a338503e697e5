"""Ranks and normal scores of columns, with ties and gaps."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from akeso.domain.telemetry.batches import Floats


def average_ranks(samples: Floats) -> Floats:
    """float64[t, n]: ranks 1 … of each column among its finite values, ties share their mean rank, gaps stay NaN."""
    order = np.argsort(samples, axis=0, kind="stable")  # NaN sorts last
    ordered = np.take_along_axis(samples, order, axis=0)
    place = np.broadcast_to(np.arange(len(samples))[:, None], ordered.shape)
    opens = np.ones(ordered.shape, bool)
    opens[1:] = ordered[1:] != ordered[:-1]
    closes = np.ones(ordered.shape, bool)
    closes[:-1] = opens[1:]
    first = np.maximum.accumulate(np.where(opens, place, 0), axis=0)
    last = np.minimum.accumulate(np.where(closes, place, len(samples))[::-1], axis=0)[::-1]
    ranks = np.empty(ordered.shape)
    np.put_along_axis(ranks, order, np.where(np.isfinite(ordered), 0.5 * (first + last) + 1.0, np.nan), axis=0)
    return ranks


def normal_scores(samples: Floats) -> Floats:
    """float64[t, n]: what a normal distribution has at each value's rank (van der Waerden); gaps stay NaN.

    The nonparanormal transform of Liu, Lafferty & Wasserman (2009): any monotone distortion of a column, heavy tails
    among them, leaves the scores as they are.
    """
    finite = np.where(np.isfinite(samples), samples, np.nan)
    counts = np.sum(np.isfinite(finite), axis=0)
    quantiles, deviates = _normal_table()
    scores: Floats = np.interp(average_ranks(finite) / (counts + 1.0), quantiles, deviates)
    return scores


@lru_cache(maxsize=1)
def _normal_table() -> tuple[Floats, Floats]:
    deviates = np.linspace(-6.0, 6.0, 2401)
    return np.array([NormalDist().cdf(z) for z in deviates]), deviates


def typical(values: Floats) -> Floats:
    """float64[n]: the median of each column of float64[t, n], NaN left out; NaN where a column has nothing."""
    if values.shape[0] == 0:
        return np.full(values.shape[1], np.nan)
    return quantile(np.sort(values, axis=0), np.isfinite(values).sum(axis=0), 0.5)


def quantile(ordered: Floats, counts: np.ndarray, share: float) -> Floats:
    """float64[n]: the `share` quantile of each column of values sorted along the first axis, NaN last; counts: int[n],
    how many values each column has. NaN where a column has none."""
    # NaN sorts last, so the first `counts` rows of a column are its values.
    position = np.maximum(counts - 1, 0) * share
    low, high = np.floor(position).astype(int), np.ceil(position).astype(int)
    columns = np.arange(ordered.shape[1])
    middle: Floats = (ordered[low, columns] + ordered[high, columns]) / 2.0
    middle[counts == 0] = np.nan
    return middle
