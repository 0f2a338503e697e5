"""How improbable a value is given the past, also far outside of it: peaks over threshold."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats

_FEWEST = 8
_TAIL = 0.1  # share of the past that is taken as its tail, more when the past is short
_EXCESSES = 10
_USUAL, _HEAVIEST = 0.2, 1.0  # shapes


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """One side of a distribution. body: sorted past; threshold: where the tail begins, share: how much lies beyond;
    shape, scale: of the generalised Pareto distribution of the excesses (shape 0: exponential, 0.5: infinite variance).
    """

    body: Floats
    threshold: float
    share: float
    shape: float
    scale: float

    def log_survival(self, values: Floats) -> Floats:
        """float64, as values: ln P(X ≥ value); empirical up to the threshold, extrapolated beyond it."""
        at_least = len(self.body) - np.searchsorted(self.body, values, side="left")
        inside = np.log(np.maximum(at_least, 0.5) / len(self.body))
        excess = np.maximum(values - self.threshold, 0.0) / self.scale
        beyond = np.log(self.share) - np.log1p(self.shape * excess) / self.shape
        return np.where(values > self.threshold, np.minimum(beyond, np.log(self.share)), inside)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Both sides of what was seen before; None when that was too little to know."""

    upper: Tail
    lower: Tail

    def surprise(self, values: Floats) -> Floats:
        """float64, as values: −ln of the two-sided tail probability, 0 or more; 0 for NaN. 7 is about one in 1,000."""
        known = np.nan_to_num(values, nan=float(np.median(self.upper.body)))
        likelier = np.minimum(self.upper.log_survival(known), self.lower.log_survival(-known))
        return np.where(np.isfinite(values), np.maximum(-likelier - np.log(2.0), 0.0), 0.0)


def past(values: Floats, floor: float = 0.0) -> Past | None:
    """Tails of float64[t] (NaN left out); None for fewer than eight values.

    floor: the smallest scale of practical meaning, in the unit of the values; it speaks where the past hardly varies.
    """
    known = np.sort(values[np.isfinite(values)])
    if len(known) < _FEWEST:
        return None
    return Past(_tail(known, floor), _tail(-known[::-1], floor))


def _tail(ordered: Floats, floor: float) -> Tail:
    excesses = max(_EXCESSES, int(_TAIL * len(ordered)))
    excesses = min(excesses, len(ordered) // 2)
    threshold = float(ordered[-excesses - 1])
    # Relative to the values, so that a constant past does not divide by zero.
    least = max(floor, 1e-9 * float(np.abs(ordered).max()), 1e-12)
    shape, scale = _pareto(ordered[-excesses:] - threshold, least)
    return Tail(ordered, threshold, excesses / len(ordered), shape, max(scale, least))


def _pareto(excesses: Floats, least: float) -> tuple[float, float]:
    """Shape and scale by the quasi-Bayesian estimate of Zhang & Stephens (2009), the shape drawn towards 0.2 as if by
    ten more excesses (after Vehtari et al. 2024) and kept within [0, 1]: faults lie beyond any end the past seems to
    have.
    """
    count = len(excesses)
    quartile, largest = excesses[int(count / 4 + 0.5) - 1], excesses[-1]
    if largest <= least:
        return 1e-6, least
    grid = 30 + int(count**0.5)
    rates = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    rates = rates / (3.0 * max(float(quartile), 1e-3 * float(largest))) + 1.0 / largest
    shapes = np.log1p(-rates[:, None] * excesses).mean(axis=1)
    fits = count * (np.log(-rates / shapes) - shapes - 1.0)
    weights = np.exp(fits - fits.max())
    rate = float((rates * weights).sum() / weights.sum())
    shape = float(np.log1p(-rate * excesses).mean())
    drawn = (count * shape + 10.0 * _USUAL) / (count + 10.0)
    bounded = min(max(drawn, 1e-6), _HEAVIEST)
    # Where the shape was moved, the scale follows so that the mean log excess stays about the same.
    return bounded, -shape / rate if bounded == drawn else float(excesses.mean())
