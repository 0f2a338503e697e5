"""A probe, a health check or a scrape that finds something down."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Mask
from akeso.domain.telemetry.positions import Opinions, rows_of
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Scores, State


class Availability:
    """The share that was found down, against what was down before.

    The alarm is at `more` than usual that lasts for `lasting` seconds (three probes of 15 s): one that came late, or
    met a page that is not there, is none. What was never up is not missed. The usual share grows slowly, by `fading`
    a value, so that instances which are gone for good are forgotten.
    """

    name = "availability"
    votes = Vote.RULE

    def __init__(self, more: float = 0.34, lasting: float = 45.0, fading: float = 0.001) -> None:
        self._more, self._lasting, self._fading = more, lasting, fading
        self._rows = Rows({"usual": 1.0, "since": np.inf})

    def score(self, frame: FeatureFrame) -> Scores:
        state, opinions = self._grown(frame), Opinions(len(frame.values))
        rows = self._judged(frame)
        usual = state["usual"][rows]
        more = np.minimum(frame.values[rows], 1.0) - usual
        lasts = frame.end / NANOSECONDS - state["since"][rows] >= self._lasting
        missed = more >= self._more
        # Twice the threshold for a third that is down, six times for all: no statistics are needed for it.
        opinions.score[rows] = np.where(missed & lasts, 2.0 * more / self._more, np.where(missed, 0.8, 0.0))
        opinions.center[rows], opinions.width[rows] = usual, self._more
        return Scores(opinions.score, opinions.center, opinions.width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        rows = self._judged(frame)
        values, usual = np.minimum(frame.values[rows], 1.0), state["usual"][rows]
        start = (frame.end - frame.width) / NANOSECONDS
        missed = values - usual >= self._more
        state["since"][rows] = np.where(missed, np.minimum(state["since"][rows], start), np.inf)
        grown = usual + self._fading * (values - usual)
        state["usual"][rows] = np.where(update[rows], np.minimum(values, grown), usual)

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _judged(self, frame: FeatureFrame) -> NDArray[np.intp]:
        rows = rows_of(frame.signals, Signal.DOWN)
        return rows[np.isfinite(frame.values[rows])]

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
