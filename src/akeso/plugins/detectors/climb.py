"""A steady growth: a leak, a queue that nobody empties."""

import numpy as np

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Scores, State

_SIGNALS = np.zeros(256, bool)
_SIGNALS[[Signal.MEMORY, Signal.BACKLOG, Signal.SATURATION]] = True
# What growth within the span is worth an alarm, as a share of the level; and the least growth in the series' unit.
_SHARE = np.full(256, np.inf)
_SHARE[[Signal.MEMORY, Signal.SATURATION]] = 0.15
_SHARE[Signal.BACKLOG] = 1.0
_LEAST = np.zeros(256)
_LEAST[Signal.BACKLOG] = 10.0
_LEAST[Signal.SATURATION] = 0.1


class Climb:
    """Growth over the last `span` values that is steady, large and new.

    Steady: the Mann–Kendall statistic (Mann 1945), the share of pairs that rise minus the share that fall, reaches
    `steadiness` (a step up and a plateau reach about a half). Large: the growth, told from the medians of the two
    halves, reaches the signal's share of the level. New: the value is beyond the highest level that was normal before
    the span (which fades by `fading` a value), or each cycle of a garbage collector would be a leak. The score is the
    growth over what is worth an alarm, and 0 where it is not steady or not new.
    """

    name = "climb"
    votes = Vote.STANDALONE
    short_memory = True

    def __init__(self, span: int = 10, steadiness: float = 0.85, fading: float = 0.9995) -> None:
        self._steadiness, self._fading = steadiness, fading
        self._early, self._late = np.triu_indices(span, 1)
        self._rows = Rows({"recent": np.full(span - 1, np.nan, np.float32), "highest": np.float32(-np.inf)})

    def score(self, frame: FeatureFrame) -> Scores:
        self._rows.grow(len(frame.values))
        nothing = np.full(len(frame.values), np.nan)
        score = np.zeros(len(frame.values))
        rows = np.flatnonzero(_SIGNALS[frame.signals] & np.isfinite(frame.values))
        span = np.column_stack([self._rows["recent"][rows], frame.values[rows]])
        full = np.isfinite(span).all(axis=1)
        rows, span = rows[full], span[full]
        expected, spread = nothing.copy(), nothing.copy()
        half = span.shape[1] // 2
        level = np.median(span[:, :half], axis=1)
        expected[rows], spread[rows] = span[:, 0], np.abs(np.diff(span, axis=1)).mean(axis=1)
        growth = 2.0 * (np.median(span[:, -half:], axis=1) - level)
        signals = frame.signals[rows]
        worth = np.maximum(_SHARE[signals] * np.abs(level), np.maximum(_LEAST[signals], 1e-12))
        new = span[:, -1] > self._rows["highest"][rows] + worth / 2
        score[rows] = np.where(self._steady(span) & new, np.maximum(growth, 0.0) / worth, 0.0)
        return Scores(score, expected, spread)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        self._rows.grow(len(frame.values))
        rows = np.flatnonzero(_SIGNALS[frame.signals] & np.isfinite(frame.values))
        recent, highest = self._rows["recent"], self._rows["highest"]
        # What leaves the span is past; all values pass through it, masked or not.
        past = rows[update[rows] & np.isfinite(recent[rows, 0])]
        highest[past] = np.fmax(self._fading * highest[past], recent[past, 0])
        recent[rows] = np.column_stack([recent[rows, 1:], frame.values[rows]])

    def snapshot(self) -> State:
        return self._rows.snapshot()

    def restore(self, state: State) -> None:
        self._rows.restore(state)

    def _steady(self, span: Floats) -> Mask:
        balance = np.sign(span[:, self._late] - span[:, self._early]).mean(axis=1)
        return np.asarray(balance >= self._steadiness)
