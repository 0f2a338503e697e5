"""Level, time of day, day of the week, and what remains."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.scale import believable, normal_range, scaled
from akeso.ports.detector import Scores, State

_DAY_S = 86_400
_PARTS = 96
_WEEK = 7


class SeasonalDecomposition:
    """How large the remainder is after level, daily profile and the weekday's offset are taken away; the alarm is at
    `threshold` usual remainders.

    The parts are learnt as in additive Holt–Winters smoothing (Winters 1960), with two seasons: the level forgets over
    `level_h` hours, which is slow against the day, so that the profile and not the level learns the time of day; each
    quarter of an hour of the profile moves by `newest` of what remains in it a day, the offset of a weekday by the same
    a week. Between the middles of two quarters the profile runs straight. A part that was not seen a day before is not
    believed, and there is no opinion until the level has seen `warm_h` hours.
    """

    name = "seasonal_decomposition"
    on_request = True

    def __init__(
        self, threshold: float = 5.0, level_h: float = 48.0, newest: float = 0.3, warm_h: float = 26.0
    ) -> None:
        self._threshold, self._level_s, self._newest, self._warm_s = threshold, level_h * 3600, newest, warm_h * 3600
        profile, week = np.zeros(_PARTS, np.float32), np.zeros(_WEEK, np.float32)
        columns = {"level": 0.0, "remainder": 0.0, "seen_s": 0.0, "profile": profile, "week": week}
        self._rows = Rows(columns | {"first_day": np.full(_PARTS, -1, np.int32)})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        every = np.arange(len(frame.values))
        expected = self._expected(frame, every)
        judged = (state["seen_s"] >= self._warm_s) & np.isfinite(expected)
        spread = believable(1.25 * state["remainder"], expected, frame.signals)
        away = np.abs(scaled(frame.values, frame.signals) - expected)
        score = np.where(judged & np.isfinite(away), away / (self._threshold * spread), 0.0)
        known, width = np.where(judged, expected, np.nan), np.where(judged, spread, np.nan)
        return Scores(score, *normal_range(known, width, frame.signals))

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        x = scaled(frame.values, frame.signals)
        rows = np.flatnonzero(update & np.isfinite(x))
        width = frame.width / NANOSECONDS
        seen = state["seen_s"][rows]
        first = seen == 0
        state["level"][rows[first]] = x[rows[first]]
        season, known = self._season(frame, rows)
        remains = x[rows] - state["level"][rows] - season
        self._season_learns(frame, rows, remains, width)
        state["level"][rows] += np.maximum(width / (seen + width), width / self._level_s) * np.where(
            known, remains, 0.0
        )
        young = ~known
        state["level"][rows[young]] += (width / np.minimum(seen + width, self._level_s) * remains)[young]
        rate = np.maximum(width / (seen + width), 4.0 * width / _DAY_S)
        state["remainder"][rows] += np.minimum(rate, 1.0) * (np.abs(remains) - state["remainder"][rows])
        state["seen_s"][rows] = seen + width

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _expected(self, frame: FeatureFrame, rows: NDArray[np.intp]) -> Floats:
        # NaN where the time of day is not known.
        season, known = self._season(frame, rows)
        return np.where(known, self._rows["level"][rows] + season, np.nan)

    def _season(self, frame: FeatureFrame, rows: NDArray[np.intp]) -> tuple[Floats, Mask]:
        # (what the time of day and the weekday add, whether the time of day was seen on a day before)
        day, rest = divmod(frame.end / NANOSECONDS, _DAY_S)
        place = rest * _PARTS / _DAY_S - 0.5
        left = int(np.floor(place))
        share = place - left
        one, two = left % _PARTS, (left + 1) % _PARTS
        profile, first = self._rows["profile"], self._rows["first_day"]
        daily = (1.0 - share) * profile[rows, one] + share * profile[rows, two]
        known = (first[rows, one] >= 0) & (first[rows, two] >= 0) & (first[rows, round(place) % _PARTS] < int(day))
        return daily + self._rows["week"][rows, int(day) % _WEEK], known

    def _season_learns(self, frame: FeatureFrame, rows: NDArray[np.intp], remains: Floats, width: float) -> None:
        day, rest = divmod(frame.end / NANOSECONDS, _DAY_S)
        part, number = int(rest * _PARTS / _DAY_S), int(day)
        profile, first = self._rows["profile"], self._rows["first_day"]
        # Over the quarter's values of a day the steps add up to about `newest` of what remains; on the first to all.
        share = min(width * _PARTS / _DAY_S, 1.0)
        unseen = first[rows, part] < 0
        first[rows[unseen], part] = number
        step = np.where(first[rows, part] == number, min(3.0 * share, 1.0), self._newest * share)
        profile[rows, part] += step * remains
        older = self._rows["seen_s"][rows] > 2 * _DAY_S
        self._rows["week"][rows, number % _WEEK] += (
            np.where(older, self._newest * min(width / _DAY_S, 1.0), 0.0) * remains
        )

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
