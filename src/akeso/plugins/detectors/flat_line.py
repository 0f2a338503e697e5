"""A series that used to move and is stuck."""

import numpy as np

from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Scores, State

_MEMORY = 600  # values


class FlatLine:
    """How surprising it is that the value has not changed for so long, given how often it used to change.

    With the learnt share `p` of values that differ from the one before, a run of r equal values has the chance
    (1 − p)^r when changes come independently. The alarm is at `threshold` nats of surprise, not before `least` equal
    values, and not before `factor` times the longest run that is usual (which fades by `fading` a value). Only a series
    that changes with at least `lively` of its values is judged, and never at zero: nothing to do is no defect. A
    service that is no longer heard of is another detector's.
    """

    name = "flat_line"
    on_request = True

    def __init__(
        self,
        threshold: float = 25.0,
        least: int = 20,
        factor: float = 3.0,
        lively: float = 0.2,
        fading: float = 0.9995,
        warm: int = 60,
    ) -> None:
        self._threshold, self._least, self._factor = threshold, least, factor
        self._lively, self._fading, self._warm = lively, fading, warm
        self._rows = Rows({"last": np.nan, "run": 0.0, "moves": 1.0, "longest": 0.0, "seen": 0.0})

    def score(self, frame: FeatureFrame) -> Scores:
        state = self._grown(frame)
        values = frame.values
        run = np.where(values == state["last"], state["run"] + 1.0, 0.0)
        judged = (state["seen"] >= self._warm) & (state["moves"] >= self._lively) & np.isfinite(values) & (values != 0)
        judged &= frame.signals != Signal.SILENCE
        nats = -np.log1p(-np.minimum(state["moves"], 0.99))
        limit = np.maximum(np.maximum(self._threshold / nats, self._least), self._factor * state["longest"])
        nothing = np.full(len(values), np.nan)
        return Scores(np.where(judged, run / limit, 0.0), nothing, nothing.copy())

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        state = self._grown(frame)
        values = frame.values
        present = np.isfinite(values)
        moved = present & (values != state["last"]) & np.isfinite(state["last"])
        # A run's length is known when it ends, and it was a usual one if its end is learnt.
        rows = np.flatnonzero(moved & update)
        state["longest"][rows] = np.maximum(self._fading * state["longest"][rows], state["run"][rows])
        self._rate(moved, update & present & np.isfinite(state["last"]))
        state["run"][present] = np.where(moved, 0.0, state["run"] + np.isfinite(state["last"]))[present]
        state["last"][present] = values[present]
        state["seen"][present] += 1.0

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _rate(self, moved: Mask, normal: Mask) -> None:
        # What is stuck must not be learnt as slow, so equal values count only as long as they are no news.
        state = self._rows
        rows = np.flatnonzero(normal & (moved | (state["run"] < self._least)))
        rate: Floats = np.maximum(1.0 / (state["seen"][rows] + 1.0), 1.0 / _MEMORY)
        state["moves"][rows] += rate * (moved[rows] - state["moves"][rows])

    def _grown(self, frame: FeatureFrame) -> Rows:
        self._rows.grow(len(frame.values))
        return self._rows
