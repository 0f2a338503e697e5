"""Series of remote write 2.0 that have the common form, decoded by columns.

The form is `0a <n> <n bytes of references> <sample> [2a <m> <m bytes of metadata>]`, with one sample as in sample_rows
and n and m below 128.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, Floats, Mask, Times
from akeso.protocols.prometheus.sample_rows import LONG, SHORT, rows

_Bytes: TypeAlias = NDArray[np.uint8]
_Places: TypeAlias = NDArray[np.int64]
_LABELS, _SAMPLE, _METADATA, _TYPE = 0x0A, 0x12, 0x2A, 0x08
_LONGEST_VARINT = 5


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceRows:
    """index: int64[n] which series have the form; stamps: int64[n] ms; values: float64[n]; kinds: uint8[n] the types in
    their metadata, 0 if none; references: the symbols of all of them; bounds: int64[n + 1] where those of each begin
    and end."""

    index: _Places
    stamps: Times
    values: Floats
    kinds: Codes
    references: _Places
    bounds: _Places


def reference_rows(series: Sequence[bytes]) -> ReferenceRows:
    """The series that have the form."""
    text = np.frombuffer(b"".join(series) + bytes(32), np.uint8)
    lengths = np.array(list(map(len, series)), np.int64)
    ends = lengths.cumsum()
    starts = ends - lengths
    labels = text[starts + 1].astype(np.int64)
    fits = (text[starts] == _LABELS) & (labels > 0) & (labels < 0x80) & (lengths >= labels + 2 + SHORT)
    sample = np.where(fits, starts + 2 + labels, 0)
    behind, kinds = _behind(text, sample, ends)
    fits &= (text[sample - 1] < 0x80) & behind
    stamps, values = np.zeros(len(series), np.int64), np.zeros(len(series))
    for width in (LONG, SHORT):
        asked = np.flatnonzero(fits & (text[sample + 1] == width - 2))
        fitting, value, stamp = rows(text[sample[asked, None] + np.arange(width)].tobytes(), width)
        stamps[asked], values[asked], fits[asked] = stamp, value, fitting
    index = np.flatnonzero(fits)
    references, bounds = _references(text, starts[index] + 2, labels[index])
    return ReferenceRows(index, stamps[index], values[index], kinds[index], references, bounds)


def _behind(text: _Bytes, sample: _Places, ends: _Places) -> tuple[Mask, Codes]:
    """bool[n] whether a sample of either width and, if anything, metadata alone follows it; uint8[n] the metadata's
    type."""
    length = text[sample + 1]
    behind = sample + 2 + length
    fits = ((length == LONG - 2) | (length == SHORT - 2)) & (behind <= ends)
    behind = np.where(fits, behind, 0)
    size = text[behind + 1]
    metadata = (text[behind] == _METADATA) & (size < 0x80) & (behind + 2 + size == ends)
    whole: Mask = fits & ((behind == ends) | metadata)
    return whole, np.where(metadata & (size > 1) & (text[behind + 2] == _TYPE), text[behind + 3], 0).astype(np.uint8)


def _references(text: _Bytes, starts: _Places, lengths: _Places) -> tuple[_Places, _Places]:
    """All varints of the stretches of text, and where those of each stretch begin. Every stretch ends with a whole
    varint."""
    before = lengths.cumsum() - lengths
    stretch = text[np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))]
    last = stretch < 0x80
    place = np.flatnonzero(last)
    width = np.diff(place, prepend=-1)
    value = stretch[place].astype(np.int64)
    for back in range(1, min(int(width.max(initial=0)), _LONGEST_VARINT)):
        longer = np.flatnonzero(width > back)
        value[longer] = value[longer] << 7 | stretch[place[longer] - back] & 0x7F
    value[width > _LONGEST_VARINT] = np.iinfo(np.int64).max  # beyond any table of symbols
    bounds = np.concatenate(([0], last.cumsum()[before + lengths - 1])) if len(starts) else np.zeros(1, np.int64)
    return value, bounds
