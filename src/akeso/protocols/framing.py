"""Where whole messages end in what a connection has brought so far."""

import re
from collections.abc import Callable
from typing import TypeAlias

from akeso.domain.errors import InvalidInput
from akeso.protocols.msgpack_frames import message_end

# Bytes so far → how many of them are whole messages. Raises InvalidInput for what can be none.
Framing: TypeAlias = Callable[[bytearray], int]

_COUNTED = re.compile(rb"(\d{1,7}) ")
_COUNT_BEGUN = re.compile(rb"\d{1,7}")


def whole_lines(data: bytearray) -> int:
    """Of messages that end with the line."""
    return data.rfind(b"\n") + 1


def whole_syslog(data: bytearray) -> int:
    """Of syslog over TCP: counted in octets, or ended by the line (RFC 6587, 3.4)."""
    if not data[:1].isdigit():
        return whole_lines(data)
    place = 0
    while place < len(data):
        counted = _COUNTED.match(data, place)
        if counted:
            end = counted.end() + int(counted[1])
        elif _COUNT_BEGUN.fullmatch(data, place):
            break  # the count may go on
        else:
            end = data.find(b"\n", place) + 1 or len(data) + 1
        if end > len(data):
            break
        place = end
    return place


def whole_message(data: bytearray) -> int:
    """Of Fluent's forward protocol, one at a time, since each is acknowledged."""
    if data and not (0x90 <= data[0] <= 0x9F or data[0] in {0xDC, 0xDD}):
        raise InvalidInput("body", "is no message of the forward protocol")
    return max(message_end(data, 0), 0) if data else 0
