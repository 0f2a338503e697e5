"""Data points of OTLP gauges and sums that have the common form, decoded by columns.

The form is `[11 <start>] 19 <time> (21 <double> | 31 <integer>) <attributes>`: 18 or 27 bytes of numbers, and behind
them nothing but the bytes of a label set that is known.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Ids

_SHORT, _LONG = 18, 27
_START, _TIME, _DOUBLE = 0x11, 0x19, 0x21
_NUMBERS = frozenset({_DOUBLE, 0x31})
_LAYOUT = np.dtype(
    {
        "names": ["time", "kind", "double", "integer"],
        "formats": ["<u8", "u1", "<f8", "<i8"],
        "offsets": [1, 9, 10, 10],
        "itemsize": _SHORT,
    }
)


class NumberRows:
    """Collects points of known series over a request."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._heads: list[bytes] = []

    def take(self, points: Sequence[bytes], known: Mapping[Hashable, tuple[int, ...]]) -> list[bytes]:
        """Take in the points whose label set is known; the others. known: ids by the hash of a label set's bytes (see
        akeso.protocols.known_series)."""
        find, left = known.get, []
        for point in points:
            long = len(point) >= _LONG and point[0] == _START
            width = _LONG if long else _SHORT
            found = find(hash(point[width:])) if len(point) >= width else None
            if found is None or point[width - _SHORT] != _TIME or point[width - 9] not in _NUMBERS:
                left.append(point)
            else:
                self._ids.append(found[0])
                self._heads.append(point[width - _SHORT : width])
        return left

    def columns(self) -> tuple[Ids, NDArray[np.uint64], Floats]:
        """int32[n] ids, uint64[n] ns, float64[n] values of all points taken in."""
        rows = np.frombuffer(b"".join(self._heads), _LAYOUT)
        value = np.where(rows["kind"] == _DOUBLE, rows["double"], rows["integer"].astype(np.float64))
        return np.array(self._ids, np.int32), rows["time"].astype(np.uint64), value


def label_bytes(attributes: Sequence[bytes]) -> bytes:
    """The attributes of a point as they stand in it: a field of their own each."""
    return b"".join([part for each in attributes for part in (b"\x3a", _varint(len(each)), each)])


def _varint(value: int) -> bytes:
    return bytes((value,)) if value < 0x80 else bytes((value & 0x7F | 0x80,)) + _varint(value >> 7)
