"""Samples of remote write as rows of equal length, decoded by columns.

Nearly every series of a request ends in the same two forms: `12 10 09 <value> 10 <time>`, 18 bytes, or without the
value, which is zero then, 9 bytes. Milliseconds take six bytes of varint from 1971 to 2109.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Mask, Times

LONG, SHORT = 18, 9
_SIX_BYTES = 0x0080_8080_8080  # the continuation bits of a varint of six bytes, the last one's excepted
_CONTINUATION = 0x8080_8080_8080


def rows(raw: bytes, width: int) -> tuple[Mask, Floats, Times]:
    """Of n rows of `width` LONG or SHORT: bool[n] whether a row has the form, float64[n] values, int64[n] times in ms;
    the numbers of rows that do not have it mean nothing."""
    table = np.frombuffer(raw, _layout(width))
    length = width - 2
    fits = table["head"] == (0x12 | length << 8)
    value = np.zeros(len(table))
    if width == LONG:
        fits &= table["fixed"] == 0x09
        value = table["value"].astype(np.float64)
    stamp: NDArray[np.uint64] = table["stamp"]
    varint = stamp >> np.uint64(16)
    fits &= (stamp >> np.uint64(8) & np.uint64(0xFF)) == 0x10
    fits &= (varint & np.uint64(_CONTINUATION)) == _SIX_BYTES
    return fits, value, _milliseconds(varint)


def tails(text: bytes, ends: NDArray[np.int64], width: int) -> bytes:
    """The `width` bytes before each of the places `ends` of a text, one behind the other."""
    if not len(ends):
        return b""
    # Every stretch of `width` bytes as one element, so that taking some copies them whole.
    stretches = np.ndarray((len(text) - width + 1,), f"V{width}", text, strides=(1,))
    return stretches[ends - width].tobytes()


@cache
def _layout(width: int) -> np.dtype[np.void]:
    # `stamp` begins one byte before the time's tag, so that it is one word: that byte, the tag, and the varint.
    names, formats, offsets = ["head", "stamp"], ["<u2", "<u8"], [0, width - 8]
    if width == LONG:
        names, formats, offsets = [*names, "fixed", "value"], [*formats, "u1", "<f8"], [*offsets, 2, 3]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": width})


def _milliseconds(varint: NDArray[np.uint64]) -> Times:
    """Seven bits of each byte, the lowest first."""
    total = varint & np.uint64(0x7F)
    for place in range(1, 6):
        total |= varint >> np.uint64(place) & np.uint64(0x7F << 7 * place)
    return total.astype(np.int64)
