"""Connections: how many there may be, how long a request may take to arrive, and who makes room for others.

A sender that opens connections and sends half a request would otherwise hold them for ever (Slowloris). Here a request
has a deadline for its head and one for its body, and when all places are taken the oldest connection that has not said
what it wants makes room: whoever speaks quickly, as people do, always gets in.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from akeso.config.access import ConnectionOptions

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_LONGEST_HEAD = 2**17


class Phase(Enum):
    """How far a connection is with its request."""

    HEAD = auto()  # nothing, or half of a head, has come
    BODY = auto()  # the head has come, and not all of the body
    BUSY = auto()  # all of it has come; the answer is under way
    IDLE = auto()  # answered, and kept for the next


@dataclass(slots=True)
class _Open:
    protocol: "GuardedProtocol"
    address: str
    phase: Phase
    since: float
    heard: float
    head_bytes: int = 0


class Connections:
    """All connections of one process. evicted: those that made room; late: those whose request did not come in time;
    refused: those that their address had too many of."""

    def __init__(self, options: ConnectionOptions, now: Callable[[], float]) -> None:
        """now: monotonic seconds."""
        self._options, self._now = options, now
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self.evicted = self.late = self.refused = 0

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, protocol: "GuardedProtocol", address: str) -> bool:
        """Whether there is room for one more; what makes room is closed."""
        if len(self._open) >= self._options.most and not self._make_room():
            self.refused += 1
            return False
        now = self._now()
        self._open[id(protocol)] = _Open(protocol, address, Phase.HEAD, now, now)
        if len(self._open) % 100 == 0:
            self.look()
        return True

    def closed(self, protocol: "GuardedProtocol") -> None:
        self._open.pop(id(protocol), None)

    def heard(self, protocol: "GuardedProtocol", size: int) -> bool:
        """So many bytes came; whether they may be looked at. A head that does not end is not."""
        found = self._open.get(id(protocol))
        if found is None:
            return True
        found.heard = self._now()
        if found.phase is Phase.IDLE:
            found.phase, found.since, found.head_bytes = Phase.HEAD, found.heard, 0
        if found.phase is Phase.HEAD:
            # The first piece may hold a body besides; only one that came in several can be all head.
            if found.head_bytes > _LONGEST_HEAD:
                self._close(found)
                return False
            found.head_bytes += size
        return True

    def is_in(self, protocol: "GuardedProtocol", phase: Phase) -> None:
        """It has come so far."""
        if (found := self._open.get(id(protocol))) is not None:
            found.phase, found.since = phase, self._now()

    def look(self) -> None:
        """Closes what is late."""
        now, options = self._now(), self._options
        for each in list(self._open.values()):
            waited, silent = now - each.since, now - each.heard
            late = (each.phase is Phase.HEAD and waited > options.head.total_seconds()) or (
                each.phase is Phase.BODY
                and (silent > options.silence.total_seconds() or waited > options.body.total_seconds())
            )
            if late:
                self.late += 1
                self._close(each)

    def _make_room(self) -> bool:
        # Whoever has said nothing makes room before whoever is only slow, and the address with the most before others.
        counts: dict[str, int] = {}
        for each in self._open.values():
            counts[each.address] = counts.get(each.address, 0) + 1
        for phases in ((Phase.IDLE,), (Phase.HEAD,), (Phase.BODY,)):
            found = [each for each in self._open.values() if each.phase in phases]
            if found:
                self.evicted += 1
                self._close(max(found, key=lambda each: (counts[each.address], -each.since)))
                return True
        return False

    def _close(self, each: _Open) -> None:
        self._open.pop(id(each.protocol), None)
        each.protocol.abort()


async def keep_looking(connections: Connections) -> None:
    """For ever, once a second."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        connections.look()


class GuardedProtocol(HttpToolsProtocol):
    """Tells `Connections` how far its request is. `guarded` binds the class to one."""

    guard: Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.guard.opened(self, self.client[0] if self.client else ""):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.guard.heard(self, len(data)):
            super().data_received(data)

    def on_headers_complete(self) -> None:
        self.guard.is_in(self, Phase.BODY)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.guard.is_in(self, Phase.BUSY)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.guard.is_in(self, Phase.IDLE)
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        # A stream lives by its own rules (akeso.faces.api.stream).
        self.guard.closed(self)
        super().handle_websocket_upgrade()

    def abort(self) -> None:
        """Closes the connection at once."""
        if self.transport is not None:
            self.transport.abort()


def guarded(connections: Connections) -> type[GuardedProtocol]:
    """The protocol whose connections these are."""
    return type("BoundProtocol", (GuardedProtocol,), {"guard": connections})
