"""Forecasts: what a forecaster is, and what its quantiles say about a bound.

Time goes in steps of one length (a minute, say); a step has a whole number, counted from any origin. All series go
together: arrays are float64[…, n] for n series, NaN where a series has no value. Bounds are upper ones; a lower bound
is the upper bound of the negated series.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np

from akeso.domain.telemetry.batches import Floats

# Quantiles that every forecaster gives: enough for an 80 % interval and for a probability between .05 and .95.
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantiles of what is to come, at LEVELS, rising along the first axis; NaN where nothing is known yet.

    horizons: steps ahead, rising. values: float64[levels, horizons, n] of the value that far ahead. peak:
    float64[levels, n] of the highest lasting value up to the last horizon, where a value lasts if it is the median
    of three successive ones; so a breach is one that two values of three confirm.
    """

    horizons: tuple[int, ...]
    values: Floats
    peak: Floats

    def at(self, level: float) -> Floats:
        """float64[horizons, n]: the quantile of one of LEVELS."""
        found: Floats = self.values[LEVELS.index(level)]
        return found


class Forecaster(Protocol):
    """Learns one step of all series at a time, and forecasts from there."""

    def update(self, step: int, values: Floats) -> None:
        """values: float64[n] of this step, which must be later than the last; n may grow, never shrink."""
        ...

    def forecast(self) -> Forecast:
        """From the last step on. Changes nothing."""
        ...


def horizons_within(reach: timedelta, step: timedelta) -> tuple[int, ...]:
    """At most six horizons in steps, the next step first and the last one `reach` ahead (at least one step)."""
    last = max(round(reach / step), 1)
    return tuple(sorted({1, last, *(max(round(last * share), 1) for share in (1 / 6, 1 / 3, 1 / 2, 2 / 3))}))


def breach_probability(forecast: Forecast, bounds: Floats) -> Floats:
    """float64[n]: the probability that a lasting value reaches the bound before the last horizon is over.

    bounds: float64[n]. Linear between the quantiles of the peak; below the lowest and above the highest of LEVELS
    it is 0 and 1 by as much as LEVELS can tell, that is .025 and .975. NaN where forecast or bound are.
    """
    below = np.full(len(bounds), LEVELS[0] / 2)
    for level, low, high, step in zip(LEVELS, forecast.peak, forecast.peak[1:], np.diff(LEVELS), strict=False):
        share = np.clip((bounds - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        below = np.where(bounds > low, level + step * share, below)
    below = np.where(bounds > forecast.peak[-1], 1.0 - LEVELS[0] / 2, below)
    known = np.isfinite(bounds) & np.isfinite(forecast.peak).all(axis=0)
    probability: Floats = np.where(known, 1.0 - below, np.nan)
    return probability


def lead_steps(forecast: Forecast, bounds: Floats) -> Floats:
    """float64[n]: steps until the median path reaches the bound, between horizons by straight lines; NaN if never."""
    lead = np.full(len(bounds), np.nan)
    path, horizons = forecast.at(0.5), forecast.horizons
    for row in reversed(range(len(horizons))):
        before, start = (path[row - 1], horizons[row - 1]) if row else (path[0], horizons[0])
        rise = np.where(path[row] > before, path[row] - before, np.inf)
        share = np.clip((bounds - before) / rise, 0.0, 1.0)
        lead = np.where(path[row] >= bounds, start + share * (horizons[row] - start), lead)
    return lead
