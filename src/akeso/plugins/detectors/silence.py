"""A service that is no longer heard of."""

import numpy as np

from akeso.domain.rows import Rows
from akeso.domain.signal import Signal
from akeso.domain.telemetry import NANOSECONDS, FeatureFrame, Mask
from akeso.ports.detector import Scores, State


class Silence:
    """Seconds since a service was last heard of, against the longest silence that is usual for it.

    The alarm is at the larger of `least` seconds and `factor` times the longest learnt silence (which fades by
    `fading` a slot, so that one long pause is forgotten in minutes). A service is judged once it was heard of
    `arrivals` times: one that reports each minute is not missed after three seconds.
    """

    name = "silence"

    def __init__(self, least: float = 3.0, factor: float = 2.0, fading: float = 0.995, arrivals: int = 8) -> None:
        self._least, self._factor, self._fading, self._arrivals = least, factor, fading, arrivals
        self._rows = Rows({"longest": 0.0, "heard": 0.0, "before": np.inf})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        judged = (frame.signals == Signal.SILENCE) & (state["heard"] >= self._arrivals)
        limit = np.maximum(self._least, self._factor * state["longest"])
        score = np.where(judged, np.nan_to_num(frame.values, nan=0.0, posinf=1e9) / limit, 0.0)
        expected = np.where(judged, state["longest"], np.nan)
        return Scores(np.maximum(score, 0.0), expected, np.where(judged, limit - state["longest"], np.nan))

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        present = (frame.signals == Signal.SILENCE) & np.isfinite(frame.values)
        # A silence that did not grow by the slot was broken within it, and only then was its length a usual one.
        before = state["before"].copy()
        heard = present & (frame.values < before + frame.width / NANOSECONDS / 2)
        rows = np.flatnonzero(heard & update & np.isfinite(before))
        state["longest"][rows] = np.maximum(self._fading * state["longest"][rows], before[rows])
        state["heard"] += heard
        state["before"][present] = frame.values[present]

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
