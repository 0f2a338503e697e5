"""How surprising a service's log templates are: their rates, and the numbers in their lines.

A template that always came once a second and comes fifty times, or not at all, is news, and so is a duration of 90 s
where 10 to 40 ms were usual; neither need be an error record. Both are told in nats, the most surprising one of a
service's templates in a slot: surprise s has a chance of about exp(−s) in a normal slot, template by template.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Ids, SeriesKey
from akeso.domain.telemetry.rows import Rows, grown
from akeso.domain.telemetry.scale import surprise
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import LOG_PARAMETER_SURPRISE, LOG_PATTERN_SURPRISE

_MEMORY = 300.0  # slots, and numbers of one place
_WARM = 60.0  # slots that a template is known before its rate is judged
_FEWEST = 30.0  # numbers of one place
_PLACES = 4  # numbers of a line that are looked at
_WILDEST = 50.0  # deviations; beyond it says nothing more
# How far logarithms of numbers spread at least: a tenth more or less is no outlier.
_SPREAD = 0.15
# Of a template: records a slot, and of each place of its lines: the logarithm of the number there.
_COLUMNS: Mapping[str, object] = MappingProxyType(
    {"mean": 0.0, "variance": 0.0, "slots": 0.0} | dict.fromkeys(("center", "spread", "read"), (0.0,) * _PLACES)
)
_NUMBER = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?=(?:[a-zA-Zµ%]{1,3})?(?![\w:/-]))")


@dataclass(slots=True)
class _Slot:
    # What was read since the last close: rows of `places` and the numbers there.
    rows: list[int] = field(default_factory=list)
    numbers: list[list[float]] = field(default_factory=list)


class LogSurprise:
    """State is a row a template that is known; what the miner forgot is forgotten here."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._features = np.empty((2, 0), np.int32)
        self._row: dict[int, int] = {}
        self._free: list[int] = []
        self._writer = np.zeros(0, np.int32)
        self._rows = Rows(_COLUMNS)
        self._slot = _Slot()

    def open(self, writer: int, tenant: str, service: str) -> None:
        """A service that logs got its number."""
        self._features = grown(self._features, writer + 1, -1)
        for row, metric in enumerate((LOG_PATTERN_SURPRISE, LOG_PARAMETER_SURPRISE)):
            self._features[row, writer] = self._table.intern(SeriesKey(tenant, service, metric, unit="nat"))

    def read(self, writer: int, patterns: Sequence[int], lines: Sequence[str]) -> None:
        """Read the first line of each pattern; the rest of a block is much the same."""
        for pattern, line in dict(zip(reversed(patterns), reversed(lines), strict=True)).items():
            row = self._at(pattern, writer)
            numbers = [float(found) for found in _NUMBER.findall(line)[:_PLACES]]
            if numbers:
                self._slot.rows.append(row)
                self._slot.numbers.append(numbers + [np.nan] * (_PLACES - len(numbers)))

    def close(self, patterns: Ids, counts: Ids, writers: int, *, deaf: bool) -> tuple[Ids, Floats]:
        """(int32[2, writers] features, float64[2, writers] nats) of a slot with `counts` records of `patterns`. deaf:
        nothing arrived, which teaches nothing and surprises nobody."""
        values = np.zeros((2, writers))
        if len(self._rows) and not deaf:
            seen = np.zeros(len(self._rows))
            seen[np.array([self._row[pattern] for pattern in patterns.tolist()], np.intp)] = counts
            np.maximum.at(values[0], self._writer[: len(seen)], self._rates(seen))
        if self._slot.rows:
            rows = np.array(self._slot.rows, np.intp)
            np.maximum.at(values[1], self._writer[rows], self._numbers(rows, np.array(self._slot.numbers)))
            self._slot = _Slot()
        return self._features[:, :writers], values

    def forget(self, pattern: int) -> None:
        """The pattern is not known any more."""
        row = self._row.pop(pattern, None)
        if row is not None:
            for name in _COLUMNS:
                self._rows[name][row] = 0.0
            self._free.append(row)

    def _at(self, pattern: int, writer: int) -> int:
        row = self._row.get(pattern)
        if row is None:
            row = self._row[pattern] = self._free.pop() if self._free else len(self._rows)
            self._rows.grow(row + 1)
            self._writer = grown(self._writer, row + 1, 0)
        self._writer[row] = writer
        return row

    def _rates(self, seen: Floats) -> Floats:
        # float64[rows] nats, and learns the counts.
        state = self._rows
        mean, slots = state["mean"], state["slots"]
        # Half a record in ten slots beforehand, as for error records: the first one is no news.
        expected = (mean * slots + 0.5) / (slots + 10.0)
        heaps = np.maximum(state["variance"] / np.maximum(expected, 1e-9), 1.0)
        fewer = expected - seen + seen * np.log(np.maximum(seen, 1e-9) / expected)
        nats = np.where(seen > expected, surprise(seen, expected), fewer) / heaps
        known = np.zeros(len(seen), bool)
        known[list(self._row.values())] = True
        rate = np.maximum(1.0 / (slots + 1.0), 1.0 / _MEMORY)
        reach = np.where(slots < _WARM, np.inf, 5.0 * np.sqrt(expected * heaps) + 3.0)
        away = np.clip(seen - mean, -reach, reach)
        state["mean"] = np.where(known, mean + rate * away, 0.0)
        state["variance"] = np.where(known, (1.0 - rate) * (state["variance"] + rate * away * away), 0.0)
        state["slots"] = np.where(known, slots + 1.0, 0.0)
        return np.where(known & (slots >= _WARM), nats, 0.0)

    def _numbers(self, rows: NDArray[np.intp], numbers: Floats) -> Floats:
        # float64[m] nats of the most surprising number of each line, and learns them.
        state = self._rows
        x = np.log1p(numbers)
        read, center = state["read"][rows], state["center"][rows]
        away = np.clip((x - center) / np.maximum(np.sqrt(state["spread"][rows]), _SPREAD), -_WILDEST, _WILDEST)
        # A normal tail would make much of little: the surprise grows with the deviation, not with its square.
        nats = np.where(np.isfinite(away) & (read >= _FEWEST), 2.0 * np.maximum(np.abs(away) - 2.0, 0.0), 0.0)
        there = np.isfinite(x)
        rate = np.maximum(1.0 / (read + 1.0), 1.0 / _MEMORY)
        wide = np.where(read >= _FEWEST, 5.0 * np.maximum(np.sqrt(state["spread"][rows]), _SPREAD), np.inf)
        delta = np.where(there, np.clip(np.nan_to_num(x) - center, -wide, wide), 0.0)
        state["center"][rows] = center + rate * delta
        grown_ = (1.0 - rate) * (state["spread"][rows] + rate * delta * delta)
        state["spread"][rows] = np.where(there, grown_, state["spread"][rows])
        state["read"][rows] = read + there
        return np.asarray(nats.max(axis=1))
