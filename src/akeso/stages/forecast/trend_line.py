"""Straight lines through the last values of many series."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import grown


@dataclass(frozen=True, slots=True)
class Lines:
    """Least-squares lines, float64[n] each: value at the last step, slope a step, standard deviation of the residuals,
    how many values (count), and the mean and the sum of squared deviations of their positions (0 = the last step)."""

    value: Floats
    slope: Floats
    deviation: Floats
    count: Floats
    centre: Floats
    extent: Floats


class LastValues:
    """A ring of the last values of n series, float64[window, n]; NaN where there was none."""

    def __init__(self, window: int) -> None:
        self._ring = np.empty((window, 0))
        self._series = 0
        self._newest = -1

    def push(self, step: int, values: Floats) -> None:
        """The values of a later step; those between the last step and this one are missing."""
        self._ring = grown(self._ring, len(values), np.nan)
        self._series = len(values)
        window = len(self._ring)
        skipped = min(step - self._newest - 1, window) if self._newest >= 0 else 0
        for missing in range(step - skipped, step):
            self._ring[missing % window] = np.nan
        self._ring[step % window, : len(values)] = values
        self._newest = step

    def lines(self, last: int | None = None) -> Lines:
        """Through the `last` values of the window (all by default); NaN where there are fewer than three."""
        ring, at = self._recent(last)
        # Sums of squares of large values lose their digits, so the line is laid through differences to one of them.
        anchor = _any_finite(ring)
        values = ring - anchor
        there = np.isfinite(values)
        values[~there] = 0.0
        count, sum_x, sum_xx = np.stack((np.ones_like(at), at, at * at)) @ there
        sum_y, sum_xy = np.stack((np.ones_like(at), at)) @ values
        with np.errstate(invalid="ignore", divide="ignore"):
            count = np.where(count >= 3, count, np.nan)
            centre, mean = sum_x / count, sum_y / count
            extent = sum_xx - count * centre**2
            slope = (sum_xy - centre * sum_y) / extent
            spread = np.einsum("wn,wn->n", values, values) - count * mean**2
            deviation = np.sqrt(np.maximum(spread - slope**2 * extent, 0.0) / np.maximum(count - 2, 1))
        return Lines(anchor + mean - slope * centre, slope, deviation, count, centre, extent)

    def highest(self) -> Floats:
        """float64[n]: the highest value of the window; NaN if there is none."""
        top: Floats = np.fmax.reduce(self._ring[:, : self._series], axis=0)
        return top

    def median(self) -> Floats:
        """float64[n]: the median of the window; NaN where a value is missing."""
        middle: Floats = np.sort(self._ring[:, : self._series], axis=0)[len(self._ring) // 2]
        whole: Floats = np.where(np.isfinite(self._ring[:, : self._series]).all(axis=0), middle, np.nan)
        return whole

    def _recent(self, last: int | None) -> tuple[Floats, Floats]:
        window = len(self._ring)
        rows = np.arange(window) if last is None else (self._newest - np.arange(last)) % window
        ages = (self._newest - rows) % window
        return self._ring[rows, : self._series], -ages.astype(float)


def _any_finite(ring: Floats) -> Floats:
    anchor = ring[0]
    for row in ring[1:]:
        if np.isfinite(anchor).all():
            break
        anchor = np.where(np.isfinite(anchor), anchor, row)
    found: Floats = anchor
    return found
