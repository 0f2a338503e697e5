"""VUS-PR: the volume under the precision-recall surface over buffer lengths.

Paparrizos et al., "Volume Under the Surface", VLDB 2022, as TSB-AD (Liu and Paparrizos, NeurIPS 2024) computes it:
labels fade out over half the buffer on both sides of an anomaly with the root of the distance, recall is multiplied
by the share of anomalies that were met, and the area under the curve is averaged over all lengths up to `buffer`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats

_THRESHOLDS = 250
_LAGS, _FIRST_LAG, _LAST_LAG, _NO_PERIOD = 400, 3, 300, 125

Windows = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Ranking:
    # order: rows by falling score; cuts: falling thresholds; predicted: how many rows reach each.
    scores: Floats
    order: NDArray[np.intp]
    cuts: Floats
    predicted: NDArray[np.intp]


def vus_pr(scores: Floats, windows: Windows, buffer: int, thresholds: int = _THRESHOLDS) -> float:
    """The volume for one series. windows: first and last row of each anomaly, at least one, ascending, apart."""
    order = np.argsort(-scores, kind="stable")
    cuts = scores[order][np.linspace(0, len(scores) - 1, thresholds).astype(int)]
    predicted = np.searchsorted(-scores[order], -cuts, side="right")
    ranking = _Ranking(scores, order, cuts, predicted)
    return float(np.mean([_area(ranking, windows, length) for length in range(buffer + 1)]))


def period(values: Floats) -> int:
    """The lag of the highest peak of the autocorrelation, as TSB-AD chooses the longest buffer; 125 without one."""
    centred = values[:20_000] - values[:20_000].mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    correlation = np.fft.irfft(power, size)[_FIRST_LAG : min(_LAGS + 1, len(centred))]
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner > correlation[2:])) + 1
    if not len(peaks):
        return _NO_PERIOD
    best = int(peaks[np.argmax(correlation[peaks])])
    return best + _FIRST_LAG if _FIRST_LAG <= best <= _LAST_LAG else _NO_PERIOD


def faded(rows: int, windows: Windows, length: int) -> Floats:
    """float64[rows]: 1 in the windows, falling over length // 2 rows on both sides."""
    label = np.zeros(rows)
    half = length // 2
    for start, end in windows:
        label[start : end + 1] += 1.0
        after = np.arange(end + 1, min(end + half + 1, rows))
        label[after] += np.sqrt(1.0 - (after - end) / length) if length else 0.0
        before = np.arange(max(start - half, 0), start)
        label[before] += np.sqrt(1.0 - (start - before) / length) if length else 0.0
    return np.minimum(label, 1.0)


def _area(ranking: _Ranking, windows: Windows, length: int) -> float:
    rows = len(ranking.scores)
    label = faded(rows, windows, length)
    inside = faded(rows, windows, 0)
    highest = np.array([ranking.scores[start : end + 1].max() for start, end in _merged(rows, windows, length // 2)])
    met = (highest >= ranking.cuts[:, None]).mean(axis=1)
    true = np.cumsum(label[ranking.order])[ranking.predicted - 1]
    beside = np.cumsum((label - inside)[ranking.order])[ranking.predicted - 1]
    recall = np.minimum(true / (inside.sum() + beside / 2.0), 1.0) * met
    return float(np.diff(recall, prepend=0.0) @ (true / ranking.predicted))


def _merged(rows: int, windows: Windows, half: int) -> list[tuple[int, int]]:
    # Anomalies whose buffers touch are one.
    ranges: list[tuple[int, int]] = []
    for start, end in windows:
        first, last = max(start - half, 0), min(end + half, rows - 1)
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return ranges
