"""Quantiles of one histogram over many steps at once."""

from collections.abc import Sequence

import numpy as np

from akeso.domain.telemetry.batches import Floats, SeriesKey


def bucket_quantiles(cells: Sequence[SeriesKey], counts: Floats, share: float) -> Floats:
    """float64[t], NaN where nothing was observed. cells: n buckets (all up to "le") or ranges (between "gt" and "le");
    counts: float64[n, t], of observations, in any unit.

    Linear within a bucket, and the last finite bound beyond it, as Prometheus' histogram_quantile has it.
    """
    upper = np.array([_bound(key, "le") for key in cells])
    lower = np.array([_bound(key, "gt") for key in cells])
    order = np.lexsort((lower, upper))
    upper, lower = upper[order], lower[order]
    told = np.nan_to_num(counts[order])
    explicit = cells[0].stat == "bucket"
    # What lies up to a bound never falls from bound to bound; buckets of different moments may seem to.
    running = np.maximum.accumulate(told, axis=0) if explicit else told.cumsum(axis=0)
    if explicit:
        lower = np.concatenate(([min(0.0, upper[0])], upper[:-1]))
    target = share * running[-1]
    hit = np.argmax(running >= target, axis=0)
    steps = np.arange(running.shape[1])
    below = np.where(hit > 0, running[hit - 1, steps], 0.0)
    inside = running[hit, steps] - below
    part = np.where(inside > 0, (target - below) / np.maximum(inside, 1e-300), 0.0)
    ends = np.where(np.isinf(upper[hit]), lower[hit], upper[hit])
    found = lower[hit] + part * (ends - lower[hit])
    return np.where(running[-1] > 0, found, np.nan)


def _bound(key: SeriesKey, name: str) -> float:
    return float(dict(key.attributes).get(name, "-inf" if name == "gt" else "nan"))
