"""A ring of rows over columns that grow in number: memory is taken a pane of columns at a time, not by doubling."""

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry import Floats, Ids

_WIDTH = 1_024


class Panes:
    """`slots` rows of float32, NaN where nothing was written."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._panes: list[NDArray[np.float32]] = []

    def write(self, row: int, values: Floats) -> None:
        """Replace a row by float64[n]; n never falls."""
        while len(self._panes) * _WIDTH < len(values):
            self._panes.append(np.full((self._slots, _WIDTH), np.nan, np.float32))
        for number, pane in enumerate(self._panes):
            part = values[number * _WIDTH : (number + 1) * _WIDTH]
            pane[row, : len(part)] = part

    def read(self, rows: Ids, columns: Ids) -> Floats:
        """float64[len(rows), len(columns)]; columns: ascending."""
        found = np.empty((len(rows), len(columns)))
        bounds = np.searchsorted(columns, np.arange(len(self._panes) + 1) * _WIDTH).tolist()
        for number, pane in enumerate(self._panes):
            start, end = bounds[number], bounds[number + 1]
            found[:, start:end] = pane[np.ix_(rows, columns[start:end] - number * _WIDTH)]
        return found
