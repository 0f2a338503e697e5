"""The published design's forecaster: linear regression on the last 50 points, extrapolated."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.stages.forecast.forecast import LEVELS, Forecast
from akeso.stages.forecast.trend_line import LastValues


@dataclass(frozen=True, slots=True)
class LinearOptions:
    """The line.

    points: how many of the last values the line goes through.
    horizons: in steps, rising.
    """

    points: int = 50
    horizons: tuple[int, ...] = (1, 5, 10, 15, 20, 30)


class LinearForecaster:
    """The line is the median; the other quantiles are the textbook's prediction interval of a regression with normal
    innovations (Draper & Smith, Applied Regression Analysis, 3rd ed., section 1.4), which the design leaves open.

    The peak is the higher end of the line with the interval of the last horizon: the bound counts as breached when the
    line reaches it, as in the design.
    """

    def __init__(self, options: LinearOptions | None = None) -> None:
        self._options = options or LinearOptions()
        self._past = LastValues(self._options.points)

    def update(self, step: int, values: Floats) -> None:
        self._past.push(step, values)

    def forecast(self) -> Forecast:
        lines, horizons = self._past.lines(), self._options.horizons
        ahead = np.array(horizons, dtype=float)[:, None]
        path = lines.value + lines.slope * ahead
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = lines.deviation * np.sqrt(1 + 1 / lines.count + (ahead - lines.centre) ** 2 / lines.extent)
        normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
        values = path + normal[:, None, None] * spread
        peak = np.maximum(path[0], path[-1]) + normal[:, None] * spread[-1]
        return Forecast(horizons, values, peak)
