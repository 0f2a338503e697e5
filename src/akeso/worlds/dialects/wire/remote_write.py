"""Prometheus remote write as Prometheus sends it, both versions.

https://prometheus.io/docs/specs/prw/remote_write_spec/ and …_spec_2_0/
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cramjam
import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Mask
from akeso.worlds.dialects.wire.protobuf import field, length, number_field, packed_varints, text, varint

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0002))[0]
"""The NaN by which Prometheus says that a series has ended."""

GAUGE, COUNTER, HISTOGRAM, SUMMARY, INFO = 2, 1, 3, 5, 6
UNKNOWN = 0

_LONG, _SHORT = 18, 9  # a sample, and one of the value 0, which protobuf leaves out


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A series before its sample. labels: sorted pairs with `__name__`; kind: of its family; long, short: version 1's
    bytes before a value, and where it is 0."""

    labels: tuple[tuple[str, str], ...]
    kind: int
    long: bytes
    short: bytes


def head(name: str, kind: int, labels: Iterable[tuple[str, str]]) -> Head:
    """Of a metric and its labels."""
    pairs = tuple(sorted([("__name__", name), *labels]))
    body = b"".join([_label(*pair) for pair in pairs])
    long = b"\x0a" + length(len(body) + _LONG) + body + b"\x12\x10\x09"
    return Head(pairs, kind, long, b"\x0a" + length(len(body) + _SHORT) + body + b"\x12\x07\x10")


@lru_cache(maxsize=262_144)
def _label(name: str, value: str) -> bytes:
    return field(1, text(1, name) + text(2, value))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One sample of each series at one time. at: ms since the epoch; whole, first: what they are part of."""

    heads: tuple[Head, ...]
    values: Floats
    at: int
    whole: tuple[Head, ...] = ()
    first: int = 0

    def __len__(self) -> int:
        return len(self.heads)

    def part(self, first: int, last: int) -> "Samples":
        """Some of them."""
        if not first and last >= len(self):
            return self
        return Samples(self.heads[first:last], self.values[first:last], self.at, self.heads, first)

    @property
    def identity(self) -> tuple[int, int, int]:
        """The same for the same series, while somebody holds them."""
        return id(self.whole or self.heads), self.first, len(self)


def first_version(batch: Sequence[Samples]) -> bytes:
    """A WriteRequest of version 1, in its snappy block."""
    return FirstVersion().request(batch)


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """The text of some samples. zero: which values are left out; values, stamps: where the others and the times are."""

    samples: Samples
    zero: Mask
    text: NDArray[np.uint8]
    values: NDArray[np.int64]
    stamps: NDArray[np.int64]


class FirstVersion:
    """Requests of version 1. What repeats from one request to the next is made once, only numbers are filled in."""

    def __init__(self, remembered: int = 8_192) -> None:
        self._remembered = remembered
        self._known: dict[tuple[int, int, int], _Form] = {}

    def request(self, batch: Sequence[Samples]) -> bytes:
        """A WriteRequest, in its snappy block."""
        return _snapped(b"".join([self._filled(samples) for samples in batch]))

    def _filled(self, samples: Samples) -> bytes:
        zero, stamp = samples.values == 0, varint(samples.at)
        form = self._known.get(samples.identity)
        if form is None or form.stamps.shape[1] != len(stamp) or not np.array_equal(form.zero, zero):
            if len(self._known) >= self._remembered:
                self._known.clear()
            form = self._known[samples.identity] = _form(samples, zero, len(stamp))
        text = form.text.copy()
        text[form.values] = samples.values[~zero].astype("<f8").view(np.uint8).reshape(-1, 8)
        text[form.stamps] = np.frombuffer(stamp, np.uint8)
        return text.tobytes()


def _form(samples: Samples, zero: Mask, width: int) -> _Form:
    """The form holds its samples, so that no other heads can get the same identity."""
    gap, stamp = b"\0" * 8 + b"\x10", b"\0" * width
    parts = [
        (one.short if empty else one.long + gap) + stamp
        for one, empty in zip(samples.heads, zero.tolist(), strict=True)
    ]
    ends = np.array(list(map(len, parts)), np.int64).cumsum()
    stamps = ends[:, None] - width + np.arange(width)
    values = ends[~zero, None] - width - 9 + np.arange(8)
    return _Form(samples, zero, np.frombuffer(b"".join(parts), np.uint8), values, stamps)


def metadata(families: Mapping[str, int]) -> bytes:
    """A WriteRequest of version 1 that holds nothing but the types of families."""
    return _snapped(b"".join(field(3, number_field(1, kind) + text(2, name)) for name, kind in families.items()))


class SecondVersion:
    """Requests of version 2. What repeats from one request to the next in the same order is encoded once."""

    def __init__(self, remembered: int = 256) -> None:
        self._remembered = remembered
        self._known: dict[
            tuple[tuple[int, int, int], ...], tuple[tuple[Samples, ...], bytes, list[tuple[bytes, bytes]]]
        ] = {}

    def request(self, batch: Sequence[Samples]) -> bytes:
        """A Request, in its snappy block."""
        symbols, series = self._series(batch)
        parts, at = [symbols], 0
        for samples in batch:
            stamp, raw = varint(samples.at), samples.values.astype("<f8").tobytes()
            long, short = b"\x12\x10\x09", b"\x12\x07\x10" + stamp
            behind = b"\x10" + stamp
            for index, value in enumerate(samples.values.tolist()):
                before, after = series[at + index]
                told = long + raw[8 * index : 8 * index + 8] + behind if value else short
                parts.append(b"\x2a" + length(len(before) + len(told) + len(after)) + before + told + after)
            at += len(samples)
        return _snapped(b"".join(parts))

    def _series(self, batch: Sequence[Samples]) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        key = tuple(samples.identity for samples in batch)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self._remembered:
                self._known.clear()
            # The batch is kept, so that no other heads can get the same identity.
            found = self._known[key] = (tuple(batch), *_referenced(batch))
        return found[1], found[2]


def _referenced(batch: Sequence[Samples]) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    symbols: dict[str, int] = {"": 0}
    series = []
    for samples in batch:
        for each in samples.heads:
            references = [symbols.setdefault(word, len(symbols)) for pair in each.labels for word in pair]
            series.append((packed_varints(1, references), field(5, number_field(1, each.kind))))
    table = b"".join(b"\x22" + length(len(word.encode())) + word.encode() for word in symbols)
    return table, series


def _snapped(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


def stale(heads: tuple[Head, ...], at: int) -> Samples:
    """The end of series."""
    return Samples(heads, np.full(len(heads), STALE), at)
