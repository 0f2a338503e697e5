"""Compressed bodies, with a bound on what they may grow to."""

import zlib

from akeso.domain.errors import InvalidInput
from akeso.protocols.snappy import LIMIT, TooLarge, unsnap

__all__ = ["LIMIT", "Refused", "decompressed", "too_large"]

_MEMBERS = 10_000
_CHUNK = 65_536


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
        case "deflate":
            return _inflate(raw, 15)
        case "snappy":
            return _unsnapped(raw)
        case other:
            raise Refused(415, "content-encoding", f"{other} is not understood; send gzip, deflate, snappy or none")


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
