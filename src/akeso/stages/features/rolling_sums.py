"""Sums over the last few slots of many groups, and arrays that grow."""

from collections.abc import Sequence

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids
from akeso.domain.telemetry.rows import grown


class RollingSums:
    """A ring of per-slot sums, float64[slots, columns, groups]; column 0 counts.

    A mean over one slot of a call that happens twice a second says little, one over a long window comes late. So each
    group takes as few of the last slots as hold enough calls: busy groups are sharp, rare ones are steady.
    """

    def __init__(self, columns: int, slots: int) -> None:
        self._ring = np.zeros((slots, columns, 0))
        self._groups = 0

    def __copy__(self) -> "RollingSums":
        twin = RollingSums(0, 0)
        twin._ring, twin._groups = self._ring.copy(), self._groups
        return twin

    def push(self, groups: int, index: Ids, columns: Sequence[Floats]) -> None:
        """Begin a new slot. groups: how many there are by now; index: int[m] the group of each sample; columns:
        float64[m] each, what to sum of the samples."""
        self._groups = groups
        self._ring = grown(self._ring, groups, 0.0)
        self._ring[1:] = self._ring[:-1].copy()
        size = self._ring.shape[-1]
        for column, weights in enumerate(columns):
            self._ring[0, column] = np.bincount(index, weights, minlength=size)

    def clear(self) -> None:
        """Forget all slots: time has jumped."""
        self._ring[:] = 0.0

    @property
    def latest(self) -> Floats:
        """float64[columns, groups] of the newest slot."""
        return self._ring[0, :, : self._groups]

    def depth(self, enough: float) -> Ids:
        """int[groups]: how many slots each group needs for `enough` calls; all of them if that is not reached."""
        counts = self._ring[:, 0, : self._groups].cumsum(axis=0)
        depth: Ids = np.minimum((counts < enough).sum(axis=0) + 1, len(self._ring)).astype(np.int32)
        return depth

    def sums(self, depth: Ids) -> Floats:
        """float64[columns, groups] over the last `depth` slots of each group."""
        running = self._ring[:, :, : self._groups].cumsum(axis=0)
        picked: Floats = np.take_along_axis(running, (depth - 1)[None, None, :].astype(np.intp), axis=0)[0]
        return picked
