"""Protobuf written by hand, so that what tests send does not come from the code that reads it."""

import struct
from collections.abc import Iterable

_VARINT, _EIGHT_BYTES, _LENGTH = 0, 1, 2


def varint(value: int) -> bytes:
    """Negative numbers take ten bytes, as int64 does."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def number(field: int, value: int) -> bytes:
    """An integer; nothing for zero, as proto3 writes it."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def double(field: int, value: float) -> bytes:
    """A double; nothing for zero."""
    packed = struct.pack("<d", value)
    return varint(field << 3 | _EIGHT_BYTES) + packed if packed != bytes(8) else b""


def text(field: int, value: str | bytes) -> bytes:
    """A string, bytes, or a message that is written already."""
    body = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | _LENGTH) + varint(len(body)) + body


def numbers(field: int, values: Iterable[int]) -> bytes:
    """Packed integers; nothing for none."""
    body = b"".join(map(varint, values))
    return text(field, body) if body else b""


def zigzag(value: int) -> int:
    """As sint32 and sint64 are written."""
    return value * 2 if value >= 0 else -value * 2 - 1
