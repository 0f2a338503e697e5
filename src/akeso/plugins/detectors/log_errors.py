"""More error log records than a service usually writes."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, Mask
from akeso.domain.telemetry.positions import Opinions, rows_of
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.scale import surprise
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Scores, State

_PRIOR_COUNT, _PRIOR_SLOTS = 0.5, 10.0


class LogErrors:
    """Surprise of the number of error records in a slot, given the learnt rate.

    Counts are Poisson with a Gamma prior (half a record in ten slots, so that the first record is no alarm) and an
    overdispersion learnt as variance over mean: a service that writes its errors in heaps may go on doing so. The
    alarm is at `threshold` nats (11.5: one in a hundred thousand).
    """

    name = "log_errors"
    votes = Vote.STANDALONE

    def __init__(self, threshold: float = 11.5, memory: int = 600, warm: int = 20) -> None:
        self._threshold, self._memory, self._warm = threshold, memory, warm
        self._rows = Rows({"total": 0.0, "squares": 0.0, "slots": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state, opinions = self._grown(frame), Opinions(len(frame.values))
        seconds = frame.width / NANOSECONDS
        rows = rows_of(frame.signals, Signal.LOG_ERRORS)
        rows = rows[state["slots"][rows] >= self._warm]
        mean = (_PRIOR_COUNT + state["total"][rows]) / (_PRIOR_SLOTS + state["slots"][rows])
        heaps = self._dispersion(rows, mean)
        news = surprise(np.nan_to_num(frame.values[rows] * seconds), mean) / heaps
        opinions.score[rows] = news / self._threshold
        opinions.center[rows], opinions.width[rows] = mean / seconds, np.sqrt(mean * heaps) / seconds
        return Scores(opinions.score, opinions.center, opinions.width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        rows = rows_of(frame.signals, Signal.LOG_ERRORS)
        rows = rows[update[rows] & np.isfinite(frame.values[rows])]
        count = frame.values[rows] * (frame.width / NANOSECONDS)
        keep = 1.0 - 1.0 / self._memory
        for name, term in (("total", count), ("squares", count**2), ("slots", 1.0)):
            state[name][rows] = keep * state[name][rows] + term

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _dispersion(self, rows: NDArray[np.intp], mean: Floats) -> Floats:
        slots = np.maximum(self._rows["slots"][rows], 1.0)
        variance = self._rows["squares"][rows] / slots - (self._rows["total"][rows] / slots) ** 2
        return np.asarray(np.maximum(variance / mean, 1.0))

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
