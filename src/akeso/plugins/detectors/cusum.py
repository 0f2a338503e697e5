"""The cumulative sum: a change of level too small for any single value to show."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.scale import believable, caution, normal_range, scaled
from akeso.ports.detector import Scores, State

# One wild value is no change of level.
_WILDEST = 3.0


class Cusum:
    """Page's two-sided cumulative sum (Page 1954): what lies more than `slack` deviations off the level adds up; the
    alarm is at `threshold` deviations.

    Level and deviation learn under the mask, over `memory` values; the sums take every value. A sum grows to twice the
    alarm at most, so a series that returned is quiet after some values, and it starts anew when the new level is learnt
    as normal while the alarm stands: that is how a change point ends.
    """

    name = "cusum"
    on_request = True

    def __init__(self, threshold: float = 12.0, slack: float = 0.75, memory: int = 300, warm: int = 30) -> None:
        self._threshold, self._slack, self._memory, self._warm = threshold, slack, memory, warm
        self._rows = Rows({"level": 0.0, "variance": 0.0, "above": 0.0, "below": 0.0, "seen": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        above, below = self._sums(frame)
        warm = state["seen"] >= self._warm
        limit = self._threshold * caution(state["seen"])
        score = np.where(warm & np.isfinite(frame.values), np.maximum(above, below) / limit, 0.0)
        level = np.where(warm, state["level"], np.nan)
        expected, width = normal_range(level, np.where(warm, self._spread(frame), np.nan), frame.signals)
        return Scores(score, expected, width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        above, below = self._sums(frame)
        x = scaled(frame.values, frame.signals)
        rows = np.flatnonzero(update & np.isfinite(x))
        self._level(x[rows], rows, self._spread(frame)[rows])
        accepted = np.zeros(len(x), bool)
        accepted[rows] = np.maximum(above, below)[rows] >= self._threshold * caution(state["seen"][rows])
        state["above"] = np.where(accepted, 0.0, above)
        state["below"] = np.where(accepted, 0.0, below)
        # The level that is accepted is the one to start from.
        state["level"][accepted] = x[accepted]

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _level(self, x: Floats, rows: NDArray[np.intp], spread: Floats) -> None:
        state = self._rows
        seen, level = state["seen"][rows], state["level"][rows]
        reach = np.where(seen >= self._warm, 4.0 * spread, np.inf)
        delta = np.clip(x - level, -reach, reach)
        rate = np.maximum(1.0 / (seen + 1.0), 1.0 / self._memory)
        state["level"][rows] = level + rate * delta
        state["variance"][rows] = (1.0 - rate) * (state["variance"][rows] + rate * delta * delta)
        state["seen"][rows] = seen + 1.0

    def _sums(self, frame: FeatureFrame) -> tuple[Floats, Floats]:
        # As they are after this value; unchanged where there is none.
        state = self._rows
        z = np.nan_to_num((scaled(frame.values, frame.signals) - state["level"]) / self._spread(frame))
        z = np.where(state["seen"] >= self._warm, np.clip(z, -_WILDEST, _WILDEST), 0.0)
        present = np.isfinite(frame.values)
        most = 2.0 * self._threshold
        above = np.where(present, np.clip(state["above"] + z - self._slack, 0.0, most), state["above"])
        below = np.where(present, np.clip(state["below"] - z - self._slack, 0.0, most), state["below"])
        return above, below

    def _spread(self, frame: FeatureFrame) -> Floats:
        return believable(np.sqrt(self._rows["variance"]), self._rows["level"], frame.signals)

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
