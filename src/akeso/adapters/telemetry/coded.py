"""A stretch of rows in 16 bits a value: whole numbers of a step that is a power of two, apart for each column.

Of a column whose values lie between a and b the step is at most (b - a) / 32,000, so a value is off by at most half of
that; whole numbers that lie no further apart than 65,000, and a constant, are kept exactly. A column stays in single
precision if some value would be off by more than CHANGE_SHARE of the usual change from row to row (one spike beside
small values, or one step between two levels) or, in a column that usually does not change, by more than VALUE_SHARE of
itself; or if it holds an infinity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.positions import Singles
from akeso.domain.telemetry import Floats, Ids, Mask

CHUNK = 30
VALUE_SHARE, CHANGE_SHARE = 1e-4, 0.01
# The middle of the codes is a column's base; the one that is left over is NaN.
_REACH, _NAN = 32_767, -32_768
_DIGITS = 24  # of a float32: a smaller step than its last digit says nothing
_LEAST_POWER = -126


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """codes: int16[rows, n]; base: int32[n], in steps; power: int8[n], of the step to the base two. exact: int16[k],
    ascending, the columns that are in `singles`, float32[rows, k], instead."""

    codes: NDArray[np.int16]
    base: Ids
    power: NDArray[np.int8]
    exact: NDArray[np.int16]
    singles: Singles

    def read(self, columns: slice | Ids) -> Floats:
        """float64[rows, len(columns)]."""
        codes = self.codes[:, columns]
        values = codes.astype(np.float64)
        values += self.base[columns]
        values *= np.ldexp(1.0, self.power[columns])
        values[codes == _NAN] = np.nan
        if len(self.exact):
            asked = np.arange(self.codes.shape[1])[columns]
            place = np.searchsorted(self.exact, asked).clip(max=len(self.exact) - 1)
            there = self.exact[place] == asked
            values[:, there] = self.singles[:, place[there]]
        return values


def coded(singles: Singles) -> Coded | Singles:
    """float32[rows, n] in fewer bytes; as it is where most columns would have to stay exact."""
    known = np.isfinite(singles)
    x = np.where(known, singles, np.float32(0.0)).astype(np.float64)
    low, high = _bounds(singles, known)
    power = _power(low, high)
    step = np.ldexp(1.0, power)
    whole = np.rint(x / step)
    exact = np.flatnonzero(_is_off(x, known, whole, step) | np.isinf(singles).any(axis=0))
    if 2 * len(exact) > singles.shape[1]:
        return singles
    base = np.rint((low + high) / 2.0 / step)
    whole -= base
    codes = np.where(known, whole.clip(-_REACH, _REACH), _NAN).astype(np.int16)
    return Coded(codes, base.astype(np.int32), power.astype(np.int8), exact.astype(np.int16), singles[:, exact])


def _power(low: Floats, high: Floats) -> NDArray[np.int32]:
    # Of the step of each column: its range fits into the codes, and no digit is kept that a value never had.
    _, wide = np.frexp((high - low) / (2 * _REACH - 2))
    _, large = np.frexp(np.maximum(np.abs(low), np.abs(high)))
    digits = np.maximum(large - _DIGITS, _LEAST_POWER)
    return np.asarray(np.where(high > low, np.maximum(wide, digits), digits))


def _bounds(singles: Singles, known: Mask) -> tuple[Floats, Floats]:
    # float64[n] each, both 0 of a column that holds nothing.
    far = np.float32(np.inf)
    low, high = np.where(known, singles, far).min(axis=0), np.where(known, singles, -far).max(axis=0)
    there = low <= high
    return np.where(there, low, 0.0).astype(np.float64), np.where(there, high, 0.0).astype(np.float64)


def _is_off(x: Floats, known: Mask, whole: Floats, step: Floats) -> Mask:
    # bool[n]: some value of the column is told less exactly than it has to be. Nothing is off by more than half a step.
    usual = _usual_change(x, known)
    off: Mask = CHANGE_SHARE * usual < step / 2.0
    doubtful = np.flatnonzero(off)
    if len(doubtful):
        x, known, told = x[:, doubtful], known[:, doubtful], (whole * step)[:, doubtful]
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
