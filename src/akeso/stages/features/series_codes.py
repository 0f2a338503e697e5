"""What is known of each series of a table, worked out once, and what of it a batch's series have."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

from akeso.domain.telemetry.batches import Ids

T = TypeVar("T", bound=Hashable)
_NEW, _NONE = -2, -1


class SeriesCodes(Generic[T]):
    """value_of: of a series by its id; None for one that counts for nothing. Asked once for each series that comes."""

    def __init__(self, value_of: Callable[[int], T | None]) -> None:
        self._value_of = value_of
        self._values: list[T] = []
        self._numbers: dict[T, int] = {}
        self._codes = np.full(1024, _NEW, np.int32)

    def of(self, series: Ids) -> list[T]:
        """The values of series (ids, as often as they like), each once."""
        if not len(series):
            return []
        self._make_room(int(series.max()) + 1)
        codes = self._codes[series]
        if (fresh := codes == _NEW).any():
            for one in np.unique(series[fresh]).tolist():
                self._codes[one] = self._number(self._value_of(one))
            codes = self._codes[series]
        seen = np.zeros(len(self._values) + 1, np.bool_)
        seen[codes] = True  # what counts for nothing is the last
        return [self._values[number] for number in np.flatnonzero(seen[:-1]).tolist()]

    def _make_room(self, size: int) -> None:
        if size > len(self._codes):
            grown = np.full(max(size, 2 * len(self._codes)), _NEW, np.int32)
            grown[: len(self._codes)] = self._codes
            self._codes = grown

    def _number(self, value: T | None) -> int:
        if value is None:
            return _NONE
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number
