"""Significance: how often a series that is normal is scored as high as now.

The p-value is that of conformal anomaly detection (Laxhammar & Falkman 2010): the share of the series' own past scores
that are at least as high, the present one counted in, so it holds whatever the scores are distributed like. What was
never as high is beyond their resolution; there the tail is continued as a generalized Pareto distribution over the
highest of them (Pickands 1975), with mean excess and shape by the method of moments (Hosking & Wallis 1987).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import Floats, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.signal import Signal
from akeso.stages.detection.cadence import turns
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.detection.votes import highest, shared

# Scores are counted on a grid that is as fine at a small score as at a large one.
_LOWEST, _RATIO, _EDGES = 0.02, 1.25, 32
_GRID = _LOWEST * _RATIO ** np.arange(_EDGES)
_STEPS = np.diff(_GRID)
# What is thought of a tail before much of it was seen: its mean excess in scores or as a share of where it begins, its
# shape, and how many excesses that is worth. The shape is the heaviest that is believed: of a gauge that mostly stands
# at one value nothing is known but how seldom it does not.
_EXCESS, _EXCESS_SHARE, _SHAPE, _WORTH = 0.15, 0.3, 0.5, 8.0
_LEAST_EXCESS, _HEAVIEST = 0.02, 0.5
# So many alarms beyond where the tail begins a score tells how small the least believed spread is, and nothing of how
# rare the value is.
_LOUDEST = 5.0
# Series whose shares are learnt at once: what that takes should fit into a processor's cache.
_AT_ONCE = 2_048


@dataclass(frozen=True, slots=True)
class SignificanceOptions:
    """What a p-value is estimated from.

    memory: past scores that weigh.
    every: of a series with more than `young` scores one in so many is remembered, as neighbours in time are alike.
    young: see `every`.
    min_samples: past scores without which there is no p-value.
    excesses: how many of the highest scores the tail is estimated from.
    tail: lower and upper bound of the share of scores that is the tail.
    decide: which detectors vote, and how many must agree.
    """

    memory: int = 1200
    every: int = 4
    young: int = 400
    min_samples: int = 60
    excesses: float = 30.0
    tail: tuple[float, float] = (0.01, 0.1)
    decide: DecideOptions = field(default_factory=DecideOptions)


class Significance:
    """The p-values of a stream of predictions. State is one row a series: 136 bytes.

    What is ranked is what the statistical detectors have in common, or the most that one that decides alone says. A
    rule has no p-value: a stated limit is broken or it is not.
    """

    def __init__(self, options: SignificanceOptions | None = None) -> None:
        self._options = options or SignificanceOptions()
        self._rows = Rows({"share": np.ones(_EDGES, np.float32), "seen": 0.0})

    def judged(self, prediction: Prediction) -> Prediction:
        """The same with p_value: float64[n] in (0, 1], NaN where there is no value, too little past, or no
        statistics on such a series. Changes no state."""
        present = self._present(prediction)
        self._rows.grow(len(present))
        seen = self._rows["seen"][: len(present)]
        rows = np.flatnonzero(present & (seen >= self._options.min_samples))
        p = np.full(len(present), np.nan)
        if len(rows):
            p[rows] = self._p(self._statistic(prediction, rows), rows, seen[rows])
        return replace(prediction, p_value=p)

    def learn(self, prediction: Prediction, normal: Mask) -> None:
        """Take the scores in as those of a normal slot where `normal`, bool[n]."""
        present = self._present(prediction)
        self._rows.grow(len(present))
        due = (np.arange(len(present)) + turns(prediction.frame)) % self._options.every == 0
        due |= self._rows["seen"][: len(present)] < self._options.young
        rows = np.flatnonzero(present & normal & due)
        seen = self._rows["seen"][rows]
        rate = np.maximum(1.0 / (seen + 2.0), 1.0 / self._options.memory).astype(np.float32)
        statistic = self._statistic(prediction, rows)
        share = self._rows["share"]
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            before = share[rows[part]]
            share[rows[part]] = before + rate[part, None] * ((statistic[part, None] >= _GRID) - before)
        self._rows["seen"][rows] = seen + 1.0

    def snapshot(self) -> Mapping[str, NDArray[np.generic]]:
        """All state as arrays; `restore(snapshot())` is the identity."""
        return self._rows.snapshot()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Raises InvalidInput for what is no snapshot."""
        self._rows.restore(state)

    def _present(self, prediction: Prediction) -> Mask:
        frame = prediction.frame
        return np.asarray(np.isfinite(frame.values) & (frame.signals != Signal.SILENCE))

    def _statistic(self, prediction: Prediction, rows: NDArray[np.intp]) -> Floats:
        options = self._options.decide
        if len(rows) < prediction.score.shape[1]:
            prediction = replace(prediction, score=prediction.score[:, rows])
        votes = shared(prediction, options.agreement)[1]
        return np.asarray(np.maximum(votes, highest(prediction, Vote.STANDALONE)))

    def _p(self, statistic: Floats, rows: NDArray[np.intp], seen: Floats) -> Floats:
        share, count = self._rows["share"], np.minimum(seen, self._options.memory)
        p = _interpolated(statistic, share, rows, 1.0 / (count + 1.0))
        tail = np.clip(self._options.excesses / count, *self._options.tail)
        high = np.flatnonzero(p < tail)
        if len(high):
            p[high] = _continued(statistic[high], share[rows[high]].astype(np.float64), count[high], tail[high])
        return np.asarray(np.clip(p, 1e-300, 1.0))


def _interpolated(statistic: Floats, share: NDArray[np.float32], rows: NDArray[np.intp], least: Floats) -> Floats:
    # Between two edges of the grid the logarithm of the share falls evenly with that of the score.
    place = np.log(np.maximum(statistic, _LOWEST) / _LOWEST) / np.log(_RATIO)
    left = np.minimum(place.astype(np.intp), _EDGES - 2)
    # A few of the shares of each series; all of them would be megabytes.
    low, high = (np.maximum(share.ravel()[rows * _EDGES + at], least) for at in (left, left + 1))
    inside = low * np.exp(np.log(high / low) * np.minimum(place - left, 1.0))
    # Below the grid are mostly zeros: nothing is known but that it is not high.
    return np.asarray(np.where(statistic < _LOWEST, 1.0, inside))


def _continued(statistic: Floats, share: Floats, count: Floats, tail: Floats) -> Floats:
    # The tail begins at the last edge that as many scores reach as it is told from.
    row = np.arange(len(statistic))
    begin = np.maximum((share >= tail[:, None]).sum(axis=1) - 1, 0)
    threshold, at = _GRID[begin], share[row, begin]
    # The present score counts as one that was infinitely high; it must not make the tail heavy.
    above = np.maximum(share - 1.0 / (count[:, None] + 1.0), 0.0)
    beyond = np.arange(_EDGES - 1) >= begin[:, None]
    area = np.where(beyond, _STEPS * (above[:, 1:] + above[:, :-1]) / 2.0, 0.0)
    middle = (_GRID[1:] + _GRID[:-1]) / 2.0 - threshold[:, None]
    excesses = np.maximum(above[row, begin], 1e-12)
    first, second = area.sum(axis=1) / excesses, 2.0 * (area * middle).sum(axis=1) / excesses
    mean, shape = _moments(first, second, excesses * count, threshold)
    further = np.clip(statistic - threshold, 0.0, _LOUDEST)
    continued: Floats = at * (1.0 + shape * further / (mean * (1.0 - shape))) ** (-1.0 / shape)
    return continued


def _moments(first: Floats, second: Floats, count: Floats, threshold: Floats) -> tuple[Floats, Floats]:
    # (mean excess, shape): those of the sample, drawn to what is thought beforehand.
    thought = np.maximum(_EXCESS, _EXCESS_SHARE * threshold)
    mean = (count * first + _WORTH * thought) / (count + _WORTH)
    sample = 0.5 * (1.0 - first**2 / np.maximum(second - first**2, 1e-12))
    shape = (count * np.clip(sample, 0.0, _HEAVIEST) + _WORTH * _SHAPE) / (count + _WORTH)
    return np.maximum(mean, _LEAST_EXCESS), np.clip(shape, 0.01, _HEAVIEST)
