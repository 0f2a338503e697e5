"""Calls of one process by the labels that a library tells apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from akeso.domain.telemetry.batches import Times
from akeso.worlds.answers import Answer
from akeso.worlds.dialects.expositions.page import HistogramKeys, Labels, Page
from akeso.worlds.dialects.tally.grid import fold
from akeso.worlds.dialects.tally.histograms import Histograms


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Calls that share labels. cells: int64[CELLS] counts on the grid."""

    labels: Labels
    count: int
    seconds: float
    cells: Times


class LabelledCalls:
    """labels: of a group and an answer, None for what is not told. Rows with the same labels are one series."""

    def __init__(self, labels: Callable[[int, Answer], Labels | None]) -> None:
        self._labels = labels
        self._of_row: dict[int, Labels | None] = {}
        self._keys: dict[tuple[str, Labels], HistogramKeys] = {}

    def of(self, histograms: Histograms, owner: int) -> Iterator[Counted]:
        """What an owner counted."""
        found: dict[Labels, list[int]] = {}
        for row in histograms.of(owner):
            if row not in self._of_row:
                self._of_row[row] = self._labels(int(histograms.groups[row]), Answer(histograms.answers[row]))
            labels = self._of_row[row]
            if labels is not None:
                found.setdefault(labels, []).append(row)
        for labels, rows in found.items():
            cells = histograms.counts[rows[0]] if len(rows) == 1 else histograms.counts[rows].sum(axis=0)
            total = float(histograms.sums_ms[rows].sum()) / 1e3
            yield Counted(labels, int(histograms.totals[rows].sum()), total, cells)

    def histogram(self, page: Page, name: str, counted: Counted, bounds: tuple[float, ...], in_ms: float = 1e3) -> None:
        """Write a histogram. bounds: in a unit of `in_ms` milliseconds."""
        keys = self._keys.get((name, counted.labels))
        if keys is None:
            keys = self._keys[name, counted.labels] = HistogramKeys(name, counted.labels, bounds)
        folded = fold(counted.cells[None, :], _in_ms(bounds, in_ms))[0]
        page.histogram(keys, np.cumsum(folded).tolist(), counted.seconds * 1e3 / in_ms)


@lru_cache(maxsize=64)
def _in_ms(bounds: tuple[float, ...], in_ms: float) -> tuple[float, ...]:
    return tuple(bound * in_ms for bound in bounds)
