"""Histograms of calls by group and outcome, cumulative since their owner began."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, Floats, Ids, Times
from akeso.worlds.answers import Answer
from akeso.worlds.dialects.tally.grid import CELLS, cell_of

_ANSWERS = len(Answer)


class Histograms:
    """A row for each (group, answer) that was ever seen. owners: int32[groups] which instance counts each group, -1 for
    nobody. A row's number never changes; when its owner begins a new life it is empty again."""

    def __init__(self, owners: Ids) -> None:
        self.groups, self.answers = np.empty(0, np.int32), np.empty(0, np.uint8)
        self.counts = np.zeros((0, CELLS), np.int64)
        self.totals, self.sums_ms = np.empty(0, np.int64), np.empty(0, np.float64)
        self._owners = owners
        self._row = np.full(len(owners) * _ANSWERS, -1, np.int32)
        self._size = 0
        self._of: dict[int, list[int]] = {}

    def add(self, groups: Ids, answers: Codes, latency_ms: Floats, weights: Times) -> None:
        """Count calls: a group below zero or without an owner is left out."""
        wanted = groups >= 0
        wanted[wanted] = self._owners[groups[wanted]] >= 0
        if not wanted.all():
            groups, answers, latency_ms, weights = groups[wanted], answers[wanted], latency_ms[wanted], weights[wanted]
        if not len(groups):
            return
        rows = self._rows(groups.astype(np.int64) * _ANSWERS + answers)
        np.add.at(self.counts.reshape(-1), rows * CELLS + cell_of(latency_ms), weights)
        np.add.at(self.totals, rows, weights)
        np.add.at(self.sums_ms, rows, weights * latency_ms)

    def of(self, owner: int) -> Sequence[int]:
        """The rows of an owner that hold anything."""
        rows = self._of.get(owner, ())
        return [row for row in rows if self.totals[row]]

    def forget(self, owner: int) -> None:
        """The owner begins anew."""
        rows = self._of.get(owner, [])
        self.counts[rows] = 0
        self.totals[rows] = 0
        self.sums_ms[rows] = 0.0

    def _rows(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = self._row[codes]
        if (rows < 0).any():
            self._allocate(np.unique(codes[rows < 0]))
            rows = self._row[codes]
        return rows.astype(np.int64)

    def _allocate(self, codes: NDArray[np.int64]) -> None:
        first, needed = self._size, self._size + len(codes)
        if needed > len(self.totals):
            self._grow(max(needed, 2 * len(self.totals), 64))
        self._row[codes] = np.arange(first, needed)
        self.groups[first:needed], self.answers[first:needed] = codes // _ANSWERS, codes % _ANSWERS
        for row, group in enumerate(self.groups[first:needed].tolist(), first):
            self._of.setdefault(int(self._owners[group]), []).append(row)
        self._size = needed

    def _grow(self, size: int) -> None:
        more = size - len(self.totals)
        self.counts = np.concatenate((self.counts, np.zeros((more, CELLS), np.int64)))
        self.totals = np.concatenate((self.totals, np.zeros(more, np.int64)))
        self.sums_ms = np.concatenate((self.sums_ms, np.zeros(more)))
        self.groups = np.concatenate((self.groups, np.zeros(more, np.int32)))
        self.answers = np.concatenate((self.answers, np.zeros(more, np.uint8)))
