"""Columns over a period: how many samples, their sum, the least and the most."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats


@dataclass(frozen=True, slots=True)
class Statistic:
    """Of one value over a period."""

    count: float
    sum: float
    least: float
    most: float

    @property
    def average(self) -> float:
        """The mean; 0 without samples."""
        return self.sum / self.count if self.count else 0.0

    def scaled(self, factor: float) -> "Statistic":
        """In another unit."""
        return Statistic(self.count, self.sum * factor, self.least * factor, self.most * factor)


class Period:
    """Named columns, added up tick by tick."""

    def __init__(self) -> None:
        self.ticks = 0
        self._sums: dict[str, Floats] = {}
        self._least: dict[str, Floats] = {}
        self._most: dict[str, Floats] = {}

    def add(self, columns: Mapping[str, Floats]) -> None:
        """Take in one tick."""
        self.ticks += 1
        for name, column in columns.items():
            if name not in self._sums:
                self._sums[name], self._least[name], self._most[name] = (column.astype(np.float64) for _ in range(3))
                continue
            self._sums[name] += column
            np.minimum(self._least[name], column, out=self._least[name])
            np.maximum(self._most[name], column, out=self._most[name])

    def of(self, name: str, row: int) -> Statistic:
        """Of one row."""
        least, most = float(self._least[name][row]), float(self._most[name][row])
        return Statistic(self.ticks, float(self._sums[name][row]), least, most)

    def over(self, name: str, rows: list[int]) -> Statistic:
        """Of several rows together, as samples of one value."""
        each = [self.of(name, row) for row in rows]
        count, total = sum(one.count for one in each), sum(one.sum for one in each)
        return Statistic(count, total, min(one.least for one in each), max(one.most for one in each))
