"""The scoring of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015, arXiv:1510.03336; rules of NAB 1.1).

A detection inside a window is worth more the earlier it comes, only the best of a window counts, a missed window
costs, and a detection outside costs less shortly after a window than elsewhere. One threshold for the whole corpus is
chosen to maximise the sum, which is normalised so that saying nothing is 0 and perfection is 100.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Ids

PROBATION = 0.15
LONGEST_PROBATION_OF = 5000
# Beyond three window widths a false positive costs in full.
_FAR = 3.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a detection in a window, a false one, and a missed window weigh."""

    name: str
    hit: float
    false: float
    miss: float


PROFILES = (
    Profile("standard", 1.0, 0.11, 1.0),
    Profile("reward_low_FP", 1.0, 0.22, 1.0),
    Profile("reward_low_FN", 1.0, 0.11, 2.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of one series. scores: float64[n]; windows: first and last row of each true anomaly, ascending."""

    scores: Floats
    windows: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """score: normalised, of a profile at the threshold; raw: the sum before that."""

    score: float
    raw: float
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    # All rows after probation of a corpus: score, worth of a detection there (weights aside), window number or -1.
    scores: Floats
    worth: Floats
    window: Ids
    windows: int


def scaled_sigmoid(position: Floats) -> Floats:
    """Worth of a detection at a relative position: -1 = first row of a window, 0 = behind its end, above = past it."""
    near = np.minimum(position, _FAR)
    return np.asarray(np.where(position > _FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * near)) - 1.0))


def probation(rows: int) -> int:
    """How many rows at the start of a series are not scored."""
    return int(min(np.floor(PROBATION * rows), PROBATION * LONGEST_PROBATION_OF))


def worth(rows: int, windows: Sequence[tuple[int, int]]) -> tuple[Floats, Ids]:
    """(float64[rows] what a detection is worth before weights, int[rows] number of its window or -1)."""
    value, number = np.full(rows, -1.0), np.full(rows, -1, np.int32)
    first = scaled_sigmoid(np.array([-1.0]))[0]
    for index, (start, end) in enumerate(windows):
        width = end - start + 1
        value[start : end + 1] = scaled_sigmoid((np.arange(start, end + 1) - end - 1) / width) / first
        number[start : end + 1] = index
        after = windows[index + 1][0] if index + 1 < len(windows) else rows
        past = np.arange(end + 1, after)
        value[past] = scaled_sigmoid((past - end) / max(width - 1, 1))
    return value, number


def optimised(corpus: Sequence[Scored], profile: Profile) -> Result:
    """The normalised score at the threshold that is best for the whole corpus."""
    points = _points(corpus)
    thresholds, raw = _sums(points, profile)
    best = int(np.argmax(raw))
    return Result(_normalised(raw[best], points.windows, profile), float(raw[best]), float(thresholds[best]))


def at_threshold(corpus: Sequence[Scored], profile: Profile, threshold: float) -> Result:
    """The normalised score at a given threshold: rows of at least this score are detections."""
    points = _points(corpus)
    thresholds, sums = _sums(points, profile)
    raw = sums[np.flatnonzero(thresholds >= threshold)[-1]]
    return Result(_normalised(raw, points.windows, profile), float(raw), threshold)


def _points(corpus: Sequence[Scored]) -> _Points:
    parts, windows = [], 0
    for each in corpus:
        rows, skip = len(each.scores), probation(len(each.scores))
        value, number = worth(rows, each.windows)
        parts.append((each.scores[skip:], value[skip:], np.where(number >= 0, number + windows, -1)[skip:]))
        windows += len(each.windows)
    scores, value, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Points(scores, value, number.astype(np.int32), len(np.unique(number[number >= 0])))


def _sums(points: _Points, profile: Profile) -> tuple[Floats, Floats]:
    # (descending thresholds, the corpus' sum at each); the first threshold is above all scores.
    order = np.argsort(-points.scores, kind="stable")
    scores, value, window = points.scores[order], points.worth[order], points.window[order]
    gain = np.where(window < 0, profile.false * value, 0.0)
    inside = np.flatnonzero(window >= 0)
    gain[inside] = _gains(window[inside], profile.hit * value[inside], profile.miss)
    total = np.cumsum(gain) - profile.miss * points.windows
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    return np.append(np.inf, scores[last]), np.append(-profile.miss * points.windows, total[last])


def _gains(window: Ids, value: Floats, miss: float) -> Floats:
    # What each detection, in order, adds to its window's best so far; a window starts as missed.
    grouped: NDArray[np.intp] = np.argsort(window, kind="stable")
    gain = np.empty(len(value))
    for rows in np.split(grouped, np.flatnonzero(np.diff(window[grouped])) + 1):
        best = np.maximum.accumulate(np.append(-miss, value[rows]))
        gain[rows] = np.diff(best)
    return gain


def _normalised(raw: float, windows: int, profile: Profile) -> float:
    nothing, perfect = -profile.miss * windows, profile.hit * windows
    return float(100.0 * (raw - nothing) / (perfect - nothing)) if windows else float("nan")
