"""A frame as statistical detectors see it: values on their signals' scales, in blocks that stay in a processor's cache.

An array operation on a hundred thousand rows waits for memory; on some thousands it does not. So detectors go through
their rows in blocks, and every intermediate array is as small as a block.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, FeatureFrame, Mask
from akeso.domain.telemetry.rows import Rows
from akeso.domain.telemetry.scale import FLOOR, FLOOR_SHARE, IS_LINEAR, LOG_OFFSET, LOGARITHMIC, ROOT_OFFSET, ROOTED

Singles: TypeAlias = NDArray[np.float32]
_Number = TypeVar("_Number", np.float32, np.int32)
Place: TypeAlias = slice | NDArray[np.intp]

_BLOCK = 32_768
_FEWEST = 10
# Beyond that a float32 cannot be squared; no measurement is.
_FARTHEST = np.float32(1e18)


class Block:
    """Some rows of a frame and of a detector's state.

    at: where they stand; x: float32[m], finite, on the scale. Arrays of the state are float32[m] views or copies; what
    is changed in them has to be put back.
    """

    __slots__ = ("_floor", "_share", "_slots", "_state", "at", "x")

    def __init__(
        self, at: Place, x: Singles, state: Rows, least: tuple[Singles, Singles], slots: NDArray[np.float64]
    ) -> None:
        self.at, self.x, self._state, self._slots = at, x, state, slots
        self._floor, self._share = least

    def __getitem__(self, column: str) -> Singles:
        found: Singles = self._state[column][self.at]
        return found

    def put(self, **columns: Singles) -> None:
        """Write columns back."""
        for name, values in columns.items():
            column = self._state[name]
            if not np.may_share_memory(column, values):
                column[self.at] = values

    def enough(self, warm: int) -> Singles:
        """float32[m], or float32[1] for all: see `enough`."""
        return enough(warm, self._slots if len(self._slots) == 1 else self._slots[self.at])

    def believable(self, spread: Singles, center: Singles) -> Singles:
        """See akeso.domain.telemetry.scale.believable; changes `spread`."""
        least = np.abs(center)
        least *= self._share[self.at]
        np.maximum(least, self._floor[self.at], out=least)
        return np.fmax(spread, least, out=spread)


class Positions:
    """The values of a frame on their scales: float32[n], NaN where there is none. signals: as in the frame."""

    def __init__(self, frame: FeatureFrame) -> None:
        self._x, self.signals = _scaled(frame), frame.signals
        present = np.isfinite(frame.values)
        self._rows = None if present.all() else np.flatnonzero(present)
        self._least, self._slots = _least(frame.signals), frame.slots_between

    def __len__(self) -> int:
        return len(self._x)

    def opinions(self) -> "Opinions":
        """For what a detector thinks of all these blocks."""
        return Opinions(len(self._x), complete=self._rows is None)

    def blocks(self, state: Rows) -> Iterator[Block]:
        """The rows that have a value, some thousands at a time, beside the state of a detector."""
        size = len(self._x) if self._rows is None else len(self._rows)
        for start in range(0, size, _BLOCK):
            at: Place = slice(start, min(start + _BLOCK, size))
            if self._rows is not None:
                at = self._rows[at]
            yield Block(at, self._x[at], state, self._least, self._slots)


class _Last:
    """Of one thing what was made of it, until it is asked for another."""

    def __init__(self) -> None:
        self._made: tuple[Any, Any] = (None, None)

    def get(self, key: Any) -> Any:
        known, made = self._made
        return made if known is key else None

    def put(self, key: Any, made: Any) -> None:
        self._made = (key, made)


_frames, _signals, _rows = _Last(), _Last(), _Last()


def positions(frame: FeatureFrame) -> Positions:
    """Made once a frame, however many detectors ask: nobody writes into a frame that was published."""
    found: Positions | None = _frames.get(frame)
    if found is None:
        found = Positions(frame)
        _frames.put(frame, found)
    return found


def _scaled(frame: FeatureFrame) -> Singles:
    """akeso.domain.telemetry.scale.scaled, in the precision of detectors' states."""
    with np.errstate(over="ignore"):
        x = frame.values.astype(np.float32)
    np.minimum(x, _FARTHEST, out=x)
    np.maximum(x, -_FARTHEST, out=x)
    rows = rows_of(frame.signals, *LOGARITHMIC)
    part = np.maximum(x[rows], np.float32(0.0))
    part += np.float32(LOG_OFFSET)
    x[rows] = np.log(part, out=part)
    rows = rows_of(frame.signals, *ROOTED)
    part = np.maximum(x[rows], np.float32(0.0))
    part += np.float32(ROOT_OFFSET)
    x[rows] = np.float32(2.0) * np.sqrt(part, out=part)
    return x


def _least(signals: Codes) -> tuple[Singles, Singles]:
    found: tuple[Singles, Singles] | None = _signals.get(signals)
    if found is None:
        share = np.where(IS_LINEAR[signals], FLOOR_SHARE, 0.0)
        found = FLOOR[signals].astype(np.float32), share.astype(np.float32)
        _signals.put(signals, found)
    return found


def rows_of(signals: Codes, *wanted: int) -> NDArray[np.intp]:
    """The rows whose signal is one of `wanted`."""
    known = _rows.get(signals)
    if known is None:
        known = {}
        _rows.put(signals, known)
    if wanted not in known:
        known[wanted] = np.flatnonzero(np.isin(signals, wanted))
    found: NDArray[np.intp] = known[wanted]
    return found


def enough(warm: float, slots_between: NDArray[np.float64]) -> Singles:
    """How many values a series must have been seen with before it is judged: `warm` of what each slot tells. One value
    of a series that is told more rarely sums up all slots since the one before, so fewer of them say as much, but
    never fewer than ten: with those the caution of young series is large enough (see `cautious`)."""
    least = min(warm, _FEWEST)
    return np.maximum(warm / slots_between, least).astype(np.float32)


def ages(seen: NDArray[_Number]) -> NDArray[_Number]:
    """How many values each row has seen; where all are of one age, as series mostly are that came together, only that
    one number: what follows from it alone is then worked out once."""
    one = len(seen) and np.minimum.reduce(seen) == np.maximum.reduce(seen)
    return seen[:1] if one else seen


def cautious(age: Singles) -> Singles:
    """See akeso.domain.telemetry.scale.caution."""
    out = np.maximum(age, np.float32(1.0))
    np.divide(np.float32(8.0), out, out=out)
    out += np.float32(1.0)
    return out


def fading(age: Singles, memory: float, learnt: Singles | None) -> Singles:
    """The weight of the next value: that of a plain mean at first, and never less than 1 / memory; 0 where the row is
    not learnt."""
    least = np.float32(1.0 / memory)
    if len(age) > 1 and np.minimum.reduce(age) >= memory:
        rate = np.full(1, least)
    else:
        rate = age + np.float32(1.0)
        np.reciprocal(rate, out=rate)
        np.maximum(rate, least, out=rate)
    return rate if learnt is None else rate * learnt


def reach_of(spread: Singles, times: float, warm: Mask) -> Singles:
    """`times` spreads; without end where nothing is known yet."""
    reach = spread * np.float32(times)
    if not warm.all():
        np.copyto(reach, np.float32(np.inf), where=~warm)
    return reach


def within(x: Singles, low: Singles, high: Singles) -> Singles:
    """A copy of `x` within bounds."""
    out: Singles = np.minimum(x, high)
    return np.maximum(out, low, out=out)


def bounded(x: Singles, low: Singles, high: Singles) -> Singles:
    """`x` within bounds, changed in place; what np.clip does, in a fifth of the time."""
    np.minimum(x, high, out=x)
    return np.maximum(x, low, out=x)


def learning(update: Mask, at: Place) -> Singles | None:
    """1 where a row of the block is learnt and 0 where not; None where all are."""
    chosen = update[at]
    return None if chosen.all() else chosen.astype(np.float32)


class Opinions:
    """Collects what a detector thinks, block by block. Rows that nobody speaks of score 0 and have no range."""

    def __init__(self, rows: int, *, complete: bool = False) -> None:
        """complete: every row will be spoken of."""
        fill = (None, None, None) if complete else (0.0, np.nan, np.nan)
        self.score, self.center, self.width = (_filled(rows, each) for each in fill)

    def tell(self, at: Place, warm: Mask, score: Singles, center: Singles, width: Singles) -> None:
        """Of a block: the score, the centre and the spread on the scale, where it is warm."""
        if warm.all():
            self.score[at], self.center[at], self.width[at] = score, center, width
            return
        nothing = np.float32(np.nan)
        self.score[at] = np.where(warm, score, np.float32(0.0))
        self.center[at], self.width[at] = np.where(warm, center, nothing), np.where(warm, width, nothing)


def _filled(rows: int, value: float | None) -> Singles:
    return np.empty(rows, np.float32) if value is None else np.full(rows, value, np.float32)
