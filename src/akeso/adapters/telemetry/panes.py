"""Rows over columns that grow in number, the newest so many: memory is taken a pane of columns at a time, not by
doubling. What is no longer new is kept in half of the bytes."""

import numpy as np

from akeso.adapters.telemetry.coded import CHUNK, Coded, coded
from akeso.domain.telemetry.batches import Floats, Ids
from akeso.domain.telemetry.positions import Singles

_WIDTH = 1_024
# Panes code their rows at different times, or one row in thirty would take long.
_APART = 7


class Panes:
    """The last `slots` rows, NaN where nothing was written. At least the newest CHUNK of them are exact in single
    precision; older ones are as `akeso.adapters.telemetry.coded` says."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._panes: list[_Pane] = []

    def write(self, number: int, values: Floats) -> None:
        """Take in row `number`, one more than the last, as float64[n]; n never falls."""
        while len(self._panes) * _WIDTH < len(values):
            self._panes.append(_Pane(self._slots, len(self._panes) * _APART % CHUNK))
        for place, pane in enumerate(self._panes):
            pane.write(number, values[place * _WIDTH : (place + 1) * _WIDTH])

    def read(self, numbers: Ids, columns: Ids) -> Floats:
        """float64[len(numbers), len(columns)]; both ascending, numbers among the last `slots`."""
        found = np.full((len(numbers), len(columns)), np.nan)
        bounds = np.searchsorted(columns, np.arange(len(self._panes) + 1) * _WIDTH).tolist()
        for place, pane in enumerate(self._panes):
            start, end = bounds[place], bounds[place + 1]
            if start < end:
                pane.read(numbers, columns[start:end] - place * _WIDTH, found[:, start:end])
        return found


class _Pane:
    """phase: how much sooner than others it is through with a chunk."""

    def __init__(self, slots: int, phase: int) -> None:
        self._slots, self._phase = slots, phase
        self._chunks: dict[int, Singles | Coded] = {}

    def write(self, number: int, values: Floats) -> None:
        chunk, row = divmod(number + self._phase, CHUNK)
        new = self._chunks.get(chunk)
        if not isinstance(new, np.ndarray):
            new = self._begun(chunk, number)
        with np.errstate(over="ignore"):
            new[row, : len(values)] = values

    def read(self, numbers: Ids, columns: Ids, out: Floats) -> None:
        chunks, rows = np.divmod(numbers + self._phase, CHUNK)
        some: slice | Ids = columns
        if len(columns) == columns[-1] - columns[0] + 1:
            some = slice(int(columns[0]), int(columns[-1]) + 1)
        for chunk in np.unique(chunks).tolist():
            found = self._chunks.get(chunk)
            if found is not None:
                mine = chunks == chunk
                values = found.read(some) if isinstance(found, Coded) else found[:, some]
                out[mine] = values[rows[mine]]

    def _begun(self, chunk: int, number: int) -> Singles:
        last = self._chunks.get(chunk - 2)
        if isinstance(last, np.ndarray):
            self._chunks[chunk - 2] = coded(last)
        oldest = (number + self._phase - self._slots + 1) // CHUNK
        for old in [each for each in self._chunks if each < oldest]:
            del self._chunks[old]
        new = self._chunks[chunk] = np.full((CHUNK, _WIDTH), np.nan, np.float32)
        return new
