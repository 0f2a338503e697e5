"""Simple forecasters that the ensemble weighs: each is good at one kind of series."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import grown
from akeso.stages.forecast.seasonal_profile import SeasonalProfile
from akeso.stages.forecast.trend_line import LastValues, Lines

# In the order of their rows.
EXPERTS = ("last", "level", "damped_trend", "short_line", "long_line", "season", "season_fading")
_STATE = ("last", "level", "holt", "trend", "offset")


@dataclass(frozen=True, slots=True)
class ExpertOptions:
    """The constants of the experts.

    slow: smoothing constant of the level.
    quick: smoothing constant of the damped trend's level.
    trend: smoothing constant of its slope.
    damping: what remains of the slope after a step.
    clip: an innovation counts for at most so many times its usual size.
    short: window of the short line, in steps.
    long: window of the long line, in steps.
    season: length of the season, in steps.
    parts: parts into which it is divided.
    newest: weight of the newest season.
    fading: what remains of the offset from the profile after a step.
    """

    slow: float = 0.1
    quick: float = 0.3
    trend: float = 0.05
    damping: float = 0.97
    clip: float = 3.0
    short: int = 15
    long: int = 50
    season: int = 1440
    parts: int = 288
    newest: float = 0.3
    fading: float = 0.97


class Experts:
    """The state of all experts for n series; paths are float64[experts, horizons, n].

    last: the last value stays. level: exponential smoothing. damped_trend: Gardner & McKenzie's damped trend (1985)
    with innovations clipped as in Gelper, Fried & Croux, Robust forecasting with exponential and Holt-Winters
    smoothing (2010). short_line, long_line: regression. season: the profile of the day, moved to where the series is
    now; season_fading: the same, returning to the profile.
    """

    def __init__(self, options: ExpertOptions, horizons: tuple[int, ...]) -> None:
        self._options, self._horizons = options, horizons
        self._past = LastValues(options.long)
        self._profile = SeasonalProfile(options.season, options.parts, options.newest)
        self._state = np.empty((len(_STATE), 0))
        self._step = 0

    def learn(self, step: int, values: Floats, usual_error: Floats) -> None:
        """values: float64[n], NaN where missing; usual_error: float64[n], the size of a normal innovation."""
        o, n = self._options, len(values)
        self._state = grown(self._state, n, np.nan)
        self._profile.resize(n)
        last, level, holt, trend, offset = (row[:n] for row in self._state)
        there, reach = np.isfinite(values), o.clip * usual_error
        first = there & ~np.isfinite(last)
        expected = holt + o.damping * trend
        surprise = np.clip(values - expected, -reach, reach)
        level += np.where(there, o.slow * np.clip(values - level, -reach, reach), 0.0)
        holt[:] = np.where(there, expected + o.quick * surprise, expected)
        trend *= o.damping
        trend += np.where(there, o.trend * surprise, 0.0)
        last[there] = values[there]
        for row, start in ((level, values), (holt, values), (trend, np.zeros(n))):
            row[first] = start[first]
        self._season(step, values, offset, reach)
        self._past.push(step, values)
        self._step = step

    def paths(self, series: int) -> Floats:
        """float64[experts, horizons, n] from the last step on; an expert that knows nothing says what `last` says."""
        o, ahead = self._options, np.array(self._horizons, dtype=float)[:, None]
        last, level, holt, trend, offset = (row[:series] for row in self._state)
        flat = np.zeros_like(ahead)
        seasonal = np.stack([self._profile.at(self._step + h, series) for h in self._horizons])
        damped = o.damping * (1.0 - o.damping**ahead) / (1.0 - o.damping)
        paths = np.stack(
            (
                last + flat,
                level + flat,
                holt + trend * damped,
                _extrapolated(self._past.lines(o.short), ahead),
                _extrapolated(self._past.lines(), ahead),
                seasonal + offset,
                seasonal + offset * o.fading**ahead,
            )
        )
        known: Floats = np.where(np.isfinite(paths), paths, paths[0])
        return known

    def _season(self, step: int, values: Floats, offset: Floats, reach: Floats) -> None:
        # The profile does not know this season's value yet, or the offset would be drawn towards nothing.
        off = values - self._profile.at(step, len(values))
        news = self._options.quick * np.clip(off - offset, -reach, reach)
        offset[:] = np.where(np.isfinite(offset), np.where(np.isfinite(news), offset + news, offset), off)
        self._profile.learn(step, values)


def _extrapolated(lines: Lines, ahead: Floats) -> Floats:
    path: Floats = lines.value + lines.slope * ahead
    return path
