"""WebSocket stream of incident events: `WS /api/v1/stream`.

A browser cannot send a header with a WebSocket, so it asks for a ticket first and presents that, once, in the URL.
"""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, WebSocket, WebSocketDisconnect
from starlette.requests import HTTPConnection

from akeso.domain.errors import NotFound, Overloaded
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.events import Entry
from akeso.faces.api.access import key_of, require, system_of
from akeso.faces.api.views import entry_view, incident_view

router = APIRouter()

UNAUTHORIZED = 4401
TOO_SLOW = 4408
TOO_MANY = 4429
ROOM = 1000
MOST_READERS = 100
# How often it is looked whether the reader's key is still good.
RECHECK_S = 1.0
TICKET_S = 30.0
_MOST_TICKETS = 1000
_WHO = "a key with role viewer or above is needed"


@dataclass
class Readers:
    """Who reads the stream, and the tickets that were given out and not presented yet: ticket → key and end."""

    now: int = 0
    tickets: dict[str, tuple[str, float]] = field(default_factory=dict)

    def give(self, key: str, at: float) -> str:
        """A ticket that stands for the key once, until `at` + 30 s. Raises Overloaded."""
        self.tickets = {ticket: held for ticket, held in self.tickets.items() if held[1] > at}
        if len(self.tickets) >= _MOST_TICKETS:
            raise Overloaded("too many tickets were not presented", timedelta(seconds=TICKET_S))
        ticket = secrets.token_urlsafe(24)
        self.tickets[ticket] = key, at + TICKET_S
        return ticket

    def take(self, ticket: str, at: float) -> str:
        """The key that a ticket stands for; "" when it is none, is over or was presented before."""
        key, end = self.tickets.pop(ticket, ("", 0.0))
        return key if at < end else ""


def readers_of(connection: HTTPConnection) -> Readers:
    """The readers of this API's stream."""
    state = connection.app.state
    if not hasattr(state, "readers"):
        state.readers = Readers()
    readers: Readers = state.readers
    return readers


@router.post("/api/v1/stream/tickets", tags=["stream"], status_code=201)
async def give_ticket(
    request: Request, caller: Annotated[Caller, Depends(require(Role.VIEWER))]
) -> dict[str, str | float]:
    """A ticket that opens the stream once within half a minute: `WS /api/v1/stream?ticket=…`."""
    del caller
    return {
        "ticket": readers_of(request).give(key_of(request), asyncio.get_running_loop().time()),
        "within_s": TICKET_S,
    }


@router.websocket("/api/v1/stream")
async def stream(socket: WebSocket) -> None:
    """One JSON object per journal event of the caller's tenant, with the incident after it."""
    readers = readers_of(socket)
    ticket = socket.query_params.get("ticket", "")
    key = key_of(socket) or readers.take(ticket, asyncio.get_running_loop().time())
    await socket.accept()
    if _reader(socket, key) is None:
        await socket.close(UNAUTHORIZED, _WHO)
        return
    if readers.now >= MOST_READERS:
        await socket.close(TOO_MANY, "too many read the stream")
        return
    readers.now += 1
    try:
        with suppress(WebSocketDisconnect):
            await _follow(socket, key)
    finally:
        readers.now -= 1


def _reader(socket: WebSocket, key: str) -> Caller | None:
    caller = system_of(socket).keys.caller(key)
    return caller if caller is not None and caller.role >= Role.VIEWER else None


async def _follow(socket: WebSocket, key: str) -> None:
    queue: asyncio.Queue[Entry] = asyncio.Queue(ROOM)
    with system_of(socket).feed.listen(queue) as overrun:
        closed = asyncio.create_task(_until_closed(socket))
        try:
            while not closed.done():
                if overrun.is_set():
                    await socket.close(TOO_SLOW, "the reader is too slow; connect again and read the incidents")
                    return
                if (reader := _reader(socket, key)) is None:
                    await socket.close(UNAUTHORIZED, _WHO)
                    return
                await _forward(socket, queue, reader.tenant, closed)
        finally:
            closed.cancel()


async def _forward(socket: WebSocket, queue: asyncio.Queue[Entry], tenant: str, closed: asyncio.Task[None]) -> None:
    getter = asyncio.create_task(queue.get())
    done, _ = await asyncio.wait({getter, closed}, timeout=RECHECK_S, return_when=asyncio.FIRST_COMPLETED)
    if getter not in done:
        getter.cancel()
        return
    entry = getter.result()
    if not entry.incident:
        return
    try:
        incident = await system_of(socket).incident_store.get(entry.incident)
    except NotFound:
        return
    if incident.tenant == tenant:
        await socket.send_json({"entry": entry_view(entry), "incident": incident_view(incident)})


async def _until_closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass  # Nothing that a reader says is of interest.
