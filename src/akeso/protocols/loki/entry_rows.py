"""Entries of Loki's push protocol that have the common form, decoded by columns.

The form is `0a <length> 08 <seconds> [10 <nanos>] 12 <length> <line>` with nothing behind the line; seconds take five
bytes of varint from 1978 to 3058.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS, Mask, Times

_Words = NDArray[np.uint64]
_Places = NDArray[np.int64]

_WORD = 8
# Where an entry's parts stand; the last word that is read begins at most so far behind an entry's first byte.
_SECONDS, _NANOS_TAG, _NANOS = 3, 8, 9
_REACH = 32
_LATEST_SECOND = (2**63 - 1) // NANOSECONDS - 1


def entry_rows(entries: Sequence[bytes]) -> tuple[Mask, Times, _Places]:
    """Of n entries: bool[n] whether one has the form, int64[n] ns, int64[n] where its line begins; the numbers of
    entries that do not have it mean nothing."""
    lengths = np.array(list(map(len, entries)), np.int64)
    text = b"".join((*entries, bytes(_REACH)))
    begins = lengths.cumsum() - lengths
    at = np.frombuffer(text, np.uint8)
    words: NDArray[Any] = np.ndarray((len(text) - _WORD + 1,), "<u8", text, strides=(1,))
    stamp = at[begins + 1].astype(np.int64)
    fits = (at[begins] == 0x0A) & (at[begins + 2] == 0x08) & (stamp >= 6) & (stamp <= 12) & (lengths > stamp + 3)
    seconds, size = _varint(words[begins + _SECONDS])
    fits &= (size == 5) & (seconds <= _LATEST_SECOND)
    nanos, size = _varint(words[begins + _NANOS])
    has_nanos = stamp > 6
    fits &= ~has_nanos | ((at[begins + _NANOS_TAG] == 0x10) & (size == stamp - 7) & (nanos < NANOSECONDS))
    place = begins + np.where(fits, stamp + 2, 0)
    line, size = _varint(words[place + 1])
    start = place + 1 + size - begins
    fits &= (at[place] == 0x12) & (start + line == lengths)
    return fits, seconds * NANOSECONDS + np.where(has_nanos, nanos, 0), start


def _varint(words: _Words) -> tuple[_Places, _Places]:
    """int64[n] the varint that each word begins with, int64[n] its bytes; of more than five bytes the number means
    nothing."""
    value = np.zeros(len(words), np.int64)
    size = np.zeros(len(words), np.int64)
    going_on = np.ones(len(words), np.bool_)
    for place in range(5):
        byte = (words >> np.uint64(8 * place) & np.uint64(0xFF)).astype(np.int64)
        value += np.where(going_on, (byte & 0x7F) << 7 * place, 0)
        size += going_on
        going_on &= byte >= 0x80
    return value, np.where(going_on, 9, size)
