"""How good forecasts were: pinball loss, coverage, and breaches foreseen."""

import statistics
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats

SCORED = (0.1, 0.5, 0.9)
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Counts of breaches and alarms. breaches: that began; foreseen: of these with an alarm within the horizon before;
    alarms: steps with an alarm; right: of these with a breach within the horizon after; leads: minutes, one a foreseen
    breach, from the first alarm within the horizon."""

    breaches: int
    foreseen: int
    alarms: int
    right: int
    leads: tuple[float, ...]

    def __add__(self, other: "Foreseen") -> "Foreseen":
        return Foreseen(
            self.breaches + other.breaches,
            self.foreseen + other.foreseen,
            self.alarms + other.alarms,
            self.right + other.right,
            self.leads + other.leads,
        )

    @property
    def lead(self) -> float | None:
        """Median lead in minutes; None without any."""
        return statistics.median(self.leads) if self.leads else None

    @property
    def precision(self) -> float:
        """Share of the alarms that were right; 0 without any."""
        return self.right / self.alarms if self.alarms else 0.0

    @property
    def recall(self) -> float:
        """Share of the breaches that were foreseen; 0 without any."""
        return self.foreseen / self.breaches if self.breaches else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 if both are."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def pinball(level: float, quantile: Floats, value: Floats) -> Floats:
    """The loss of a quantile (Koenker & Bassett 1978), elementwise, in the unit of the values."""
    over = value - quantile
    loss: Floats = np.maximum(level * over, (level - 1.0) * over)
    return loss


def lasting(values: Floats) -> Floats:
    """float64[time, n]: the median of each value and the two before it; NaN where one of them is missing."""
    padded = np.vstack((np.full((2, values.shape[1]), np.nan), values))
    three = np.stack((padded[:-2], padded[1:-1], padded[2:]))
    middle: Floats = np.where(np.isfinite(three).all(axis=0), np.sort(three, axis=0)[1], np.nan)
    return middle


def foreseen(values: Floats, bounds: Floats, alarms: Flags, horizon: int, minutes: float) -> Foreseen:
    """values: float64[time, n]; bounds: float64[n]; alarms: bool[time, n]; minutes: length of a step.

    A breach begins where the lasting value reaches the bound and was below it for `horizon` steps. Alarms during a
    breach and for `horizon` steps after it foresee nothing and are not counted, nor are those without a
    value, nor those too near to the end.
    """
    total = Foreseen(0, 0, 0, 0, ())
    high = lasting(values) >= bounds
    alarms = alarms & np.isfinite(values)
    for column in range(values.shape[1]):
        total += _foreseen(high[:, column], alarms[:, column], horizon, minutes)
    return total


def _foreseen(high: Flags, alarms: Flags, horizon: int, minutes: float) -> Foreseen:
    steps = np.arange(len(high))
    last_high = np.maximum.accumulate(np.where(high, steps, -horizon - 1))
    armed = steps - last_high > horizon
    begins = steps[1:][high[1:] & armed[:-1]]
    counted = alarms & armed & (steps < len(high) - horizon)
    upcoming = np.searchsorted(begins, steps, side="right")
    following = np.append(begins, 10 * len(high))[upcoming]
    right = counted & (following - steps <= horizon)
    leads = [_first_alarm(alarms, begin, horizon) for begin in begins]
    found = tuple(lead * minutes for lead in leads if lead)
    return Foreseen(len(begins), len(found), int(counted.sum()), int(right.sum()), found)


def _first_alarm(alarms: Flags, begin: int, horizon: int) -> int:
    before = np.flatnonzero(alarms[max(begin - horizon, 0) : begin])
    return min(begin, horizon) - int(before[0]) if len(before) else 0
