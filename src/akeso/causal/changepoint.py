"""When a series left its level: cumulative sums of ranks, which no tail is too heavy for."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.causal.ranks import average_ranks
from akeso.domain.telemetry.batches import Floats, Mask

Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """The test for a change.

    p: level of the test for each series.
    shortest: fewest known samples on either side of a change.
    """

    p: float = 0.001
    shortest: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Onsets:
    """One entry a series. row: int64[n], the first row of the new level, −1 when nothing changed; p: float64[n];
    step: float64[n], median after minus median before, 0 without a change."""

    row: Rows
    p: Floats
    step: Floats

    def order(self) -> list[int]:
        """Series that changed, the earliest first, ties by p."""
        changed = np.flatnonzero(self.row >= 0)
        return [int(series) for series in changed[np.lexsort((self.p[changed], self.row[changed]))]]


def onsets(samples: Floats, options: ChangeOptions | None = None) -> Onsets:
    """The clearest change of level of each column of float64[t, n]; NaN are gaps.

    Wilcoxon's statistic at every split, its maximum judged by the law of Csörgő & Horváth (1997, 1.3.26); samples that
    depend on the one before count for less (by the lag-one correlation around the two levels).
    """
    options = options or ChangeOptions()
    width = samples.shape[1]
    if len(samples) < 2 * options.shortest:
        return Onsets(np.full(width, -1), np.ones(width), np.zeros(width))
    known = np.isfinite(samples)
    centred = _centred_ranks(samples, known)
    before, statistic = _splits(centred, known, options.shortest)
    row = np.argmax(statistic, axis=0) + 1
    strength = statistic.max(axis=0) / np.sqrt(_dependence(centred, known, row))
    p = _chance(strength, options.shortest / np.maximum(before[-1], 2.0 * options.shortest))
    changed = p <= options.p
    step = np.array([_step(samples[:, i], row[i]) if changed[i] else 0.0 for i in range(width)])
    return Onsets(np.where(changed, row, -1), p, step)


def change_points(series: Floats, options: ChangeOptions | None = None) -> tuple[int, ...]:
    """All changes of level of float64[t] by binary segmentation, as first rows of new levels in ascending order."""
    options = options or ChangeOptions()
    found, waiting = list[int](), [(0, len(series))]
    while waiting:
        start, end = waiting.pop()
        row = int(onsets(series[start:end, None], options).row[0])
        if row >= 0:
            found.append(start + row)
            waiting += [(start, start + row), (start + row, end)]
    return tuple(sorted(found))


def _centred_ranks(samples: Floats, known: Mask) -> Floats:
    """Ranks of mean 0 and variance 1, gaps 0; a constant column is 0."""
    ranks = average_ranks(np.where(known, samples, np.nan))
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, ranks - (count + 1.0) / 2.0, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    return centred / np.where(spread > 0.0, spread, 1.0)


def _splits(centred: Floats, known: Mask, shortest: int) -> tuple[Floats, Floats]:
    """float64[t, n] known samples up to each row, and float64[t − 1, n] |z| of splitting after it."""
    before = np.cumsum(known, axis=0).astype(float)
    count = before[-1]
    left = before[:-1]
    variance = left * (count - left) / np.maximum(count - 1.0, 1.0)
    allowed = (left >= shortest) & (count - left >= shortest)
    sums = np.abs(np.cumsum(centred, axis=0)[:-1])
    return before, np.where(allowed, sums / np.sqrt(np.maximum(variance, 1e-12)), 0.0)


def _dependence(centred: Floats, known: Mask, row: Rows) -> Floats:
    """float64[n]: (1 + φ) / (1 − φ) with φ the lag-one correlation around the levels on both sides of each row."""
    after = np.arange(len(centred))[:, None] >= row
    rest = centred.copy()
    for side in (after, ~after):
        part = side & known
        rest -= np.where(part, (centred * part).sum(axis=0) / np.maximum(part.sum(axis=0), 1), 0.0)
    pairs = known[1:] & known[:-1]
    echo = (rest[1:] * rest[:-1] * pairs).sum(axis=0) / np.maximum(pairs.sum(axis=0), 1)
    power = (rest**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    correlation = np.clip(echo / np.maximum(power, 1e-12), 0.0, 0.98)
    dependence: Floats = (1.0 + correlation) / (1.0 - correlation)
    return dependence


def _chance(strength: Floats, trim: Floats) -> Floats:
    """P(the largest |z| over all splits is at least this), for splits that leave the share `trim` on either side."""
    z = np.maximum(strength, 1.5)  # the law is one of the tail; below, the answer is 1
    spread = 2.0 * np.log((1.0 - trim) / trim)
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return np.where(strength < 1.5, 1.0, np.minimum(1.0, z * density * (spread * (1.0 - 1.0 / z**2) + 4.0 / z**2)))


def _step(column: Floats, row: int) -> float:
    return float(np.nanmedian(column[row:]) - np.nanmedian(column[:row]))
