"""Where a message of MessagePack ends, without decoding it. https://github.com/msgpack/msgpack/blob/master/spec.md"""

from akeso.domain.errors import InvalidInput

# First byte → bytes of the length behind it, bytes besides the content that the length counts.
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
_SIZED |= {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
# First byte → bytes of content.
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_FIXED |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
# First byte → bytes of the number of items behind it, values an item.
_NESTING = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def message_end(data: bytes | bytearray, start: int) -> int:
    """Where the message that begins at `start` ends, -1 when it is not whole. Raises InvalidInput for what begins no
    message."""
    place, waiting = start, 1
    while waiting:
        if place >= len(data):
            return -1
        waiting -= 1
        place, more = _step(data, place)
        waiting += more
    return place if place <= len(data) else -1


def _step(data: bytes | bytearray, place: int) -> tuple[int, int]:
    """Behind the value at `place` without what it holds; how many values it holds."""
    first, after = data[place], place + 1
    if first < 0x80 or first >= 0xE0:
        return after, 0
    if first < 0x90:
        return after, 2 * (first & 0x0F)
    if first < 0xA0:
        return after, first & 0x0F
    if first < 0xC0:
        return after + (first & 0x1F), 0
    if first in _FIXED:
        return after + _FIXED[first], 0
    if first in _SIZED:
        width, beside = _SIZED[first]
        return after + width + beside + int.from_bytes(data[after : after + width], "big"), 0
    if first in _NESTING:
        width, values = _NESTING[first]
        return after + width, values * int.from_bytes(data[after : after + width], "big")
    raise InvalidInput("body", f"holds the byte {first:#x}, which begins nothing in MessagePack")
