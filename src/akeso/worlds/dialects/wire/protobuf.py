"""Protobuf's wire format, written by hand. https://protobuf.dev/programming-guides/encoding/"""

import struct
from collections.abc import Sequence

import numpy as np

from akeso.domain.telemetry.batches import Floats


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Tags, lengths and most counts are small.
_SHORT = tuple(map(_varint, range(4096)))


def varint(value: int) -> bytes:
    """A number of at least 0."""
    return _SHORT[value] if value < 4096 else _varint(value)


length = varint


def field(number: int, body: bytes) -> bytes:
    """A message, string or bytes."""
    size = len(body)
    return _SHORT[number << 3 | 2] + (_SHORT[size] if size < 4096 else _varint(size)) + body


def text(number: int, value: str) -> bytes:
    """A string; nothing for an empty one."""
    return field(number, value.encode()) if value else b""


def number_field(number: int, value: int) -> bytes:
    """An integer or enum of at least 0; nothing for 0."""
    return varint(number << 3) + varint(value) if value else b""


def signed_field(number: int, value: int) -> bytes:
    """A sint32 or sint64 (zigzag); nothing for 0."""
    return varint(number << 3) + varint(value << 1 if value >= 0 else -(value << 1) - 1) if value else b""


def fixed64(number: int, value: int) -> bytes:
    """A fixed64."""
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def double(number: int, value: float) -> bytes:
    """A double, also where it is 0."""
    return varint(number << 3 | 1) + struct.pack("<d", value)


def packed_fixed64(number: int, values: Sequence[int]) -> bytes:
    """Repeated fixed64."""
    return field(number, np.asarray(values, "<u8").tobytes()) if len(values) else b""


def packed_doubles(number: int, values: Sequence[float] | Floats) -> bytes:
    """Repeated doubles."""
    return field(number, np.asarray(values, "<f8").tobytes()) if len(values) else b""


def packed_varints(number: int, values: Sequence[int]) -> bytes:
    """Repeated integers of at least 0."""
    return field(number, b"".join(map(length, values))) if len(values) else b""
