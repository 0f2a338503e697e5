"""Compressed bodies, with a bound on what they may grow to."""

import zlib
from collections.abc import Callable

import cramjam
import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.protocols.snappy import LIMIT, TooLarge, is_framed, unsnap

__all__ = ["ENCODINGS", "LIMIT", "Refused", "decompressed", "too_large"]

ENCODINGS = ("gzip", "deflate", "zstd", "snappy", "x-snappy-framed")

_MEMBERS = 10_000
_CHUNK = 65_536
_FULL = "write whole buffer"  # how the decoder says that the buffer has no room for more


class Refused(Exception):
    """A body that is refused with a status of its own."""

    def __init__(self, status: int, field: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.error = status, InvalidInput(field, reason)


def decompressed(raw: bytes, encoding: str) -> bytes:
    """The body behind a content-encoding, at most LIMIT bytes.

    Raises Refused (413 for more, 415 for an encoding that is not understood) or InvalidInput for what is damaged.
    """
    match encoding.strip().lower():
        case "identity" | "":
            return raw
        case "gzip" | "x-gzip":
            return _inflate(raw, 31)
        case "deflate" | "zlib":
            # Named after RFC 1950, and sent as RFC 1951 by some; the first two bytes of the former are a check.
            return _inflate(raw, 15 if raw[:1] == b"\x78" and int.from_bytes(raw[:2]) % 31 == 0 else -15)
        case "zstd":
            return _bounded(raw, cramjam.zstd.decompress_into)
        case "x-snappy-framed":
            return _bounded(raw, cramjam.snappy.decompress_into)
        case "snappy":
            return _bounded(raw, cramjam.snappy.decompress_into) if is_framed(raw) else _unsnapped(raw)
        case other:
            raise Refused(415, "content-encoding", f"{other} is not understood; send {', '.join(ENCODINGS)} or none")


def _bounded(raw: bytes, decompress_into: Callable[[bytes, memoryview], int]) -> bytes:
    """Decompressed into a buffer that is not larger than what may be; memory that stays untouched costs nothing."""
    buffer = np.empty(LIMIT, np.uint8)
    try:
        size = decompress_into(raw, buffer.data)
    except cramjam.DecompressionError as bad:
        if _FULL in str(bad):
            raise too_large(" after decompression") from bad
        raise InvalidInput("body", f"cannot be decompressed: {bad}") from bad
    return buffer[:size].tobytes()


def too_large(when: str) -> Refused:
    """413, for a body beyond LIMIT."""
    return Refused(413, "body", f"is larger than {LIMIT} bytes{when}")


def _unsnapped(raw: bytes) -> bytes:
    try:
        return unsnap(raw, LIMIT)
    except TooLarge as bad:
        raise Refused(413, bad.field, bad.reason) from bad


def _inflate(raw: bytes, window: int) -> bytes:
    # A body may be made of several gzip members, as log shippers do that append to a buffer. Each member costs a
    # decoder and a copy of what is left of its chunk, so both are bounded.
    body, at = bytearray(), 0
    for _ in range(_MEMBERS):
        if at >= len(raw):
            return bytes(body)
        at = _member(raw, at, window, body)
    raise InvalidInput("body", f"has more than {_MEMBERS} gzip members")


def _member(raw: bytes, at: int, window: int, body: bytearray) -> int:
    """Appends what the member at `at` holds to `body`; where the next one begins."""
    decoder = zlib.decompressobj(window)
    while not decoder.eof:
        chunk = raw[at : at + _CHUNK]
        if not chunk:
            raise InvalidInput("body", "the compressed body is cut off")
        try:
            # Bounded output: a bomb is refused after LIMIT bytes, whatever it claims to hold.
            body += decoder.decompress(chunk, LIMIT + 1 - len(body))
        except zlib.error as bad:
            raise InvalidInput("body", f"cannot be decompressed: {bad}") from bad
        if len(body) > LIMIT:
            raise too_large(" after decompression")
        at += len(chunk) - len(decoder.unused_data)
    return at
