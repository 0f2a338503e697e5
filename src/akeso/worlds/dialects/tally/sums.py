"""What grows: columns of a tick added up since a life began."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from akeso.domain.telemetry.batches import Floats, Mask


class Sums:
    """Named columns, added up tick by tick: `sums.cpu_s[row]`. fields: those of the observed columns that are flows."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = tuple(fields)
        self._columns: dict[str, Floats] = {}

    def __getattr__(self, name: str) -> Floats:
        try:
            return self._columns[name]
        except KeyError:
            raise AttributeError(name) from None

    def add(self, columns: Any) -> None:
        """Take in one tick."""
        for name in self._fields:
            told = getattr(columns, name)
            held = self._columns.get(name)
            if held is None or len(held) != len(told):
                held = self._columns[name] = np.zeros(len(told))
            held += told

    def forget(self, rows: Mask) -> None:
        """These begin anew."""
        for held in self._columns.values():
            held[rows] = 0.0
