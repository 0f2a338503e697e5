"""The spans of the last seconds as columns: what is asked of all of them reads one column and copies few rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.stages.features.traces.span_joins import ROW, Rows

_LEAST_ROOM = 1_024


class SpanWindow:
    """Rows of joins.ROW in the order of their arrival, the newest `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._columns = _room(_LEAST_ROOM)
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The live column: what is written into it stays."""
        return self._columns[name][self._first : self._end]

    def at(self, places: NDArray[np.intp]) -> Rows:
        """Copies of some rows."""
        rows = np.empty(len(places), ROW)
        for name in self._columns:
            rows[name] = self[name][places]
        return rows

    def append(self, rows: Rows) -> None:
        """Take rows in at the end."""
        rows = rows[-self._most :]
        self._make_room(len(rows))
        for name, column in self._columns.items():
            column[self._end : self._end + len(rows)] = rows[name]
        self._end += len(rows)
        self._first = max(self._first, self._end - self._most)

    def forget(self, before: int) -> None:
        """Drop what is filed under a time before `before` (ns), up to the first row that is not."""
        stays = self["slot"] >= before
        self._first = self._first + int(stays.argmax()) if stays.any() else self._end

    def _make_room(self, rows: int) -> None:
        room = len(self._columns["slot"])
        if self._end + rows <= room:
            return
        # Moving to the front is worth its price when much becomes free.
        wider = room if len(self) + rows <= room * 3 // 4 else 2 * (len(self) + rows)
        columns = _room(min(wider, max(room, (self._most + rows) * 3 // 2)))
        for name, column in columns.items():
            column[: len(self)] = self[name]
        self._first, self._end, self._columns = 0, len(self), columns


def _room(rows: int) -> dict[str, NDArray[Any]]:
    return {name: np.empty(rows, ROW[name]) for name in ROW.names or ()}
