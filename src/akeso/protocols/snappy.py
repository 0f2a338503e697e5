"""Snappy's block format, bounded. https://github.com/google/snappy/blob/main/format_description.txt"""

import cramjam

from akeso.domain.errors import InvalidInput

LIMIT = 20 * 2**20
_FRAMED = b"\xff\x06\x00\x00sNaPpY"


class TooLarge(InvalidInput):
    """The body would be larger than the limit once decompressed."""


def unsnap(raw: bytes, limit: int = LIMIT) -> bytes:
    """The decompressed body. Raises TooLarge before anything is decompressed when the block says that it holds more
    than `limit` bytes, and InvalidInput when it is no block."""
    if is_framed(raw):
        raise InvalidInput("body", "is in snappy's framed format; send its block format")
    if _told_length(raw) > limit:
        raise TooLarge("body", f"is larger than {limit} bytes after decompression")
    try:
        return bytes(cramjam.snappy.decompress_raw(raw))
    except cramjam.DecompressionError as bad:
        raise InvalidInput("body", f"cannot be decompressed: {bad}") from bad


def is_framed(raw: bytes) -> bool:
    """Whether a body is in the framed format. https://github.com/google/snappy/blob/main/framing_format.txt"""
    return raw.startswith(_FRAMED)


def _told_length(raw: bytes) -> int:
    """A block begins with its length as a varint of at most 32 bits."""
    length = 0
    for place, byte in enumerate(raw[:5]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return length
    raise InvalidInput("body", "is not a block of snappy")
