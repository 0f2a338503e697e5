"""A stretch of rows in 8 or 16 bits a value: whole numbers of a step that is a power of two, apart for each column.

Of a column whose values lie between a and b the step is at most (b - a) / 125 in 8 bits and (b - a) / 32,000 in 16; a
value is off by at most half of that. 8 bits are enough where no value is then off by more than CHANGE_SHARE of the
usual change from row to row or, in a column that usually does not change, by more than VALUE_SHARE of itself; but what
16 bits hold exactly (whole numbers that lie no further apart than 65,000, a constant) stays exact. Where 16 bits are
not enough either (one spike beside small values, or one step between two levels), or a value is infinite, a column
stays in single precision.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Ids, Mask
from akeso.domain.telemetry.positions import Place, Singles

CHUNK = 30
VALUE_SHARE, CHANGE_SHARE = 1e-4, 0.02
# Codes reach so far to both sides of the middle of the column; 0 is NaN.
_REACH, _SHORT_REACH = 32_767, 127
_DIGITS = 24  # of a float32: a smaller step than its last digit says nothing
_LEAST_POWER = -126


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """low: uint8[rows, n], the codes, or their lower halves in the columns `wide`, int16[k], ascending, whose upper
    halves are high: uint8[rows, k]. base: int32[n], what a code of 0 would stand for, in steps; power: int8[n], of the
    step to the base two. exact: int16[m], ascending, the columns that are in `singles`, float32[rows, m], instead."""

    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    wide: NDArray[np.int16]
    base: Ids
    power: NDArray[np.int8]
    exact: NDArray[np.int16]
    singles: Singles

    def read(self, columns: slice | Ids) -> Floats:
        """float64[rows, len(columns)]."""
        codes, asked = self.low[:, columns].astype(np.uint16), np.arange(self.low.shape[1])[columns]
        for there, place in _found(self.wide, asked):
            codes[:, there] |= self.high[:, place].astype(np.uint16) << 8
        values = codes.astype(np.float64)
        values += self.base[columns]
        values *= np.ldexp(1.0, self.power[columns])
        values[codes == 0] = np.nan
        for there, place in _found(self.exact, asked):
            values[:, there] = self.singles[:, place]
        return values


@dataclass(frozen=True, slots=True, eq=False)
class _Rounded:
    # Values as whole numbers of steps. power: int32[n]; whole: float64[rows, n], steps; told: the same in the unit.
    power: NDArray[np.int32]
    whole: Floats
    told: Floats


def coded(singles: Singles) -> Coded | Singles:
    """float32[rows, n] in fewer bytes; as it is where most columns would have to stay exact."""
    known = np.isfinite(singles)
    x = np.where(known, singles, np.float32(0.0)).astype(np.float64)
    low, high = bounds = _bounds(singles, known)
    usual = _usual_change(x, known)
    long, short = _rounded(x, bounds, _REACH), _rounded(x, bounds, _SHORT_REACH)
    exact = _is_off(x, known, long, usual) | np.isinf(singles).any(axis=0)
    if 2 * np.count_nonzero(exact) > singles.shape[1]:
        return singles
    wide = ~exact & (_is_off(x, known, short, usual) | ((short.told != x).any(axis=0) & (long.told == x).all(axis=0)))
    power = np.where(wide, long.power, short.power)
    base = np.rint((low + high) / 2.0 / np.ldexp(1.0, power)) - np.where(wide, _REACH + 1, _SHORT_REACH + 1)
    codes = np.where(wide, long.whole, short.whole) - base
    codes = np.where(known, codes.clip(1, 2 * _REACH + 1), 0).astype(np.uint16)
    columns, kept = np.flatnonzero(wide), np.flatnonzero(exact)
    return Coded(
        low=codes.astype(np.uint8),
        high=(codes[:, columns] >> 8).astype(np.uint8),
        wide=columns.astype(np.int16),
        base=base.astype(np.int32),
        power=power.astype(np.int8),
        exact=kept.astype(np.int16),
        singles=singles[:, kept],
    )


def _rounded(x: Floats, bounds: tuple[Floats, Floats], reach: int) -> _Rounded:
    power = _power(*bounds, reach)
    step = np.ldexp(1.0, power)
    whole = np.rint(x / step)
    return _Rounded(power, whole, whole * step)


def _power(low: Floats, high: Floats, reach: int) -> NDArray[np.int32]:
    # Of the step of each column: its range fits into the codes, and no digit is kept that a value never had.
    _, wide = np.frexp((high - low) / (2 * reach - 2))
    _, large = np.frexp(np.maximum(np.abs(low), np.abs(high)))
    digits = np.maximum(large - _DIGITS, _LEAST_POWER)
    return np.asarray(np.where(high > low, np.maximum(wide, digits), digits))


def _bounds(singles: Singles, known: Mask) -> tuple[Floats, Floats]:
    # float64[n] each, both 0 of a column that holds nothing.
    far = np.float32(np.inf)
    low, high = np.where(known, singles, far).min(axis=0), np.where(known, singles, -far).max(axis=0)
    there = low <= high
    return np.where(there, low, 0.0).astype(np.float64), np.where(there, high, 0.0).astype(np.float64)


def _is_off(x: Floats, known: Mask, rounded: _Rounded, usual: Floats) -> Mask:
    # bool[n]: some value of the column is told less exactly than it has to be. Nothing is off by more than half a step.
    off: Mask = CHANGE_SHARE * usual < np.ldexp(0.5, rounded.power)
    doubtful = np.flatnonzero(off)
    if len(doubtful):
        x, known, told = x[:, doubtful], known[:, doubtful], rounded.told[:, doubtful]
        bound = np.where(usual[doubtful] > 0.0, CHANGE_SHARE * usual[doubtful], VALUE_SHARE * np.abs(x))
        off[doubtful] = ((np.abs(x - told) > bound) & known).any(axis=0)
    return off


def _usual_change(x: Floats, known: Mask) -> Floats:
    # The lower median; a change from or to a value that is missing counts as none.
    change = np.abs(np.diff(x, axis=0))
    change *= known[1:] & known[:-1]
    ordered = np.sort(np.ascontiguousarray(change.T), axis=1)
    found: Floats = ordered[:, (len(change) - 1) // 2]
    return found


def _found(columns: NDArray[np.int16], asked: NDArray[np.intp]) -> Iterator[tuple[Place, NDArray[np.intp]]]:
    # Which of those that are asked for are among `columns`, and where; nothing if there are no such columns.
    if len(columns):
        place = np.searchsorted(columns, asked).clip(max=len(columns) - 1)
        there = np.flatnonzero(columns[place] == asked)
        yield (slice(None) if len(there) == len(asked) else there), place[there]
