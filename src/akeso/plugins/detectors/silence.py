"""A service that is no longer heard of."""

import numpy as np

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Mask
from akeso.domain.telemetry.positions import Opinions, rows_of
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Scores, State

_RARELY_S, _RARE_FACTOR = 4.0, 3.0


class Silence:
    """Seconds since a service was last heard of, against the longest silence that is usual for it.

    The alarm is at the larger of `least` seconds and `factor` times the longest learnt silence (which fades by
    `fading` a slot, so that one long pause is forgotten in minutes); at three times where a service reports rarely, as
    one report that is lost is no silence. A service is judged once it was heard of `arrivals` times, and for as many of
    its longest pauses: one that reports each minute is not missed after three seconds, however many requests make up a
    report.
    """

    name = "silence"
    votes = Vote.RULE

    def __init__(self, least: float = 3.0, factor: float = 2.0, fading: float = 0.995, arrivals: int = 8) -> None:
        self._least, self._factor, self._fading, self._arrivals = least, factor, fading, arrivals
        self._rows = Rows({"longest": 0.0, "heard": 0.0, "before": np.inf, "known_s": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state, opinions = self._grown(frame), Opinions(len(frame.values))
        rows = rows_of(frame.signals, Signal.SILENCE)
        known = state["known_s"][rows] >= self._arrivals * state["longest"][rows]
        rows = rows[(state["heard"][rows] >= self._arrivals) & known]
        longest = state["longest"][rows]
        factor = np.where(longest > _RARELY_S, np.maximum(self._factor, _RARE_FACTOR), self._factor)
        limit = np.maximum(self._least, factor * longest)
        score = np.nan_to_num(frame.values[rows], nan=0.0, posinf=1e9) / limit
        opinions.score[rows] = np.maximum(score, 0.0)
        opinions.center[rows], opinions.width[rows] = longest, limit - longest
        return Scores(opinions.score, opinions.center, opinions.width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        rows = rows_of(frame.signals, Signal.SILENCE)
        rows = rows[np.isfinite(frame.values[rows])]
        values, before = frame.values[rows], state["before"][rows]
        # A silence that did not grow by the slot was broken within it, and only then was its length a usual one.
        heard = values < before + frame.width / NANOSECONDS / 2
        usual = heard & update[rows] & np.isfinite(before)
        longest = state["longest"][rows]
        state["longest"][rows] = np.where(usual, np.maximum(self._fading * longest, before), longest)
        state["heard"][rows] += heard
        state["known_s"][rows] += update[rows] * (frame.width / NANOSECONDS)
        state["before"][rows] = values

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
