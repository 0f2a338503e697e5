"""State of many series as arrays: one row a series, all columns grow together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import InvalidInput


class Rows:
    """Named arrays with one row a series. A column is a vector, or a matrix when its template has a length.

    columns: name → a template of one row (a scalar, or a one-dimensional array), which new rows are filled with.
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._blank = {name: np.asarray(blank) for name, blank in columns.items()}
        self._arrays = self._empty(0)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The live array of a column: what is written into it stays."""
        return self._arrays[name]

    def __setitem__(self, name: str, value: NDArray[Any]) -> None:
        """Write a whole column in place."""
        self._arrays[name][...] = value

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def __copy__(self) -> "Rows":
        twin = Rows(self._blank)
        twin._arrays = self.snapshot()
        return twin

    def grow(self, rows: int) -> None:
        """Have at least `rows` rows."""
        missing = rows - len(self)
        if missing > 0:
            more = self._empty(missing)
            self._arrays = {name: np.concatenate([array, more[name]]) for name, array in self._arrays.items()}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Copies of all columns."""
        return {name: array.copy() for name, array in self._arrays.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take copies of the columns of a snapshot. Raises InvalidInput when it is not one of these columns."""
        for name, blank in self._blank.items():
            if name not in state or state[name].shape[1:] != blank.shape:
                raise InvalidInput(f"state.{name}", f"must be an array of rows of shape {blank.shape}")
        self._arrays = {name: state[name].astype(blank.dtype, copy=True) for name, blank in self._blank.items()}

    def _empty(self, rows: int) -> dict[str, NDArray[Any]]:
        return {name: np.full((rows, *blank.shape), blank, blank.dtype) for name, blank in self._blank.items()}


def grown(array: NDArray[Any], size: int, fill: Any) -> NDArray[Any]:
    """`array` with at least `size` rows along its last axis, new ones set to `fill`; doubles, so growth is cheap."""
    have = array.shape[-1]
    if size <= have:
        return array
    wider = np.full((*array.shape[:-1], max(size, 2 * have, 64)), fill, dtype=array.dtype)
    wider[..., :have] = array
    return wider


def run_starts(ordered: NDArray[Any]) -> NDArray[np.intp]:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
