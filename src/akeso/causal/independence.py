"""Fisher's z test of conditional independence, for many conditioning sets at once."""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from math import comb
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.causal.correlation import Correlation
from akeso.domain.telemetry.batches import Floats, Mask

Indices: TypeAlias = NDArray[np.int64]

_INFORMATIVE = 1e-6  # variance left beside a conditioning set; below, the set determines the variable


@dataclass(frozen=True, slots=True, eq=False)
class Independence:
    """Tests at the two-sided level p (0 < p < 1) on one correlation matrix."""

    correlation: Correlation
    p: float
    _critical: float = field(init=False)
    _same: float | None = field(init=False)  # samples of every entry, None where they differ

    def __post_init__(self) -> None:
        object.__setattr__(self, "_critical", NormalDist().inv_cdf(1.0 - self.p / 2.0))
        counts = self.correlation.samples
        same = bool(counts.size) and counts.max() == counts.min()
        object.__setattr__(self, "_same", float(counts.flat[0]) if same else None)

    def holds(self, variable: int, others: Indices, sets: Indices) -> Mask:
        """bool[c, m]: given the set of row c, nothing contradicts that `variable` is independent of others[m].

        sets: int[c, k]. False where the set holds the other itself, where it determines one of the two, and where
        samples are too few to tell (k + 4 or fewer, for k > 0).
        """
        matrix = self.correlation.matrix
        level = sets.shape[1]
        if level == 0:
            own, left_own, left = matrix[variable, others][None], np.ones((1, 1)), np.ones((1, 1))
        else:
            own, left_own, left = _partial(matrix, variable, others, sets)
        freedom = self._samples(variable, others, sets) - level - 3.0
        limit = np.tanh(self._critical / np.sqrt(np.maximum(freedom, 1e-9)))
        near: Mask = own**2 <= limit**2 * left_own * left
        if level == 0:
            return near
        members = (sets[:, :, None] == others).any(axis=1)
        near &= ~members & (freedom > 1.0) & (left_own > _INFORMATIVE) & (left > _INFORMATIVE)
        return near

    def _samples(self, variable: int, others: Indices, sets: Indices) -> Floats:
        """float64[c, m] or [1, 1]: the fewest samples that any entry of the test stands on."""
        counts = self.correlation.samples
        if self._same is not None:
            return np.full((1, 1), self._same)
        fewest: Floats = counts[variable, others][None]
        if sets.shape[1]:
            to_sets = counts[sets]
            fewest = np.minimum(fewest, to_sets[:, :, others].min(axis=1))
            fewest = np.minimum(fewest, to_sets[:, :, variable].min(axis=1)[:, None])
        return fewest


def conditioning_sets(pool: Indices, size: int, most: int) -> Indices:
    """int[c, size]: all sets of `size` members of `pool`, at most `most`.

    A pool too large for that loses members from its end, so it should begin with the most promising ones.
    """
    width = len(pool)
    while width > size and comb(width, size) > most:
        width -= 1
    return pool[_choices(width, size)]


@lru_cache(maxsize=256)
def _choices(width: int, size: int) -> Indices:
    """int[c, size]: the sets of `size` of the numbers below `width`. Do not change it."""
    rows = comb(width, size)
    flat = (number for chosen in combinations(range(width), size) for number in chosen)
    return np.fromiter(flat, np.int64, rows * size).reshape(rows, size)


def _partial(matrix: Floats, variable: int, others: Indices, sets: Indices) -> tuple[Floats, Floats, Floats]:
    """Covariance of variable and others beside each set [c, m], and the variances that remain: [c, 1] and [c, m]."""
    to_others = matrix[sets[:, :, None], others]
    to_own = matrix[sets, variable]
    if sets.shape[1] == 1:
        towards_own, towards_others = to_own, to_others
    else:
        within = matrix[sets[:, :, None], sets[:, None, :]] + 1e-9 * np.eye(sets.shape[1])
        solved = np.linalg.solve(within, np.concatenate((to_own[:, :, None], to_others), axis=2))
        towards_own, towards_others = solved[:, :, 0], solved[:, :, 1:]
    covariance = matrix[variable, others] - np.einsum("ck,ckm->cm", towards_own, to_others)
    left_own = 1.0 - (towards_own * to_own).sum(axis=1, keepdims=True)
    return covariance, left_own, 1.0 - np.einsum("ckm,ckm->cm", towards_others, to_others)
