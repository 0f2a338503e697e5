"""WebSocket stream of incident events: `WS /api/v1/stream`."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from akeso.domain.errors import NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.events import Entry
from akeso.faces.api.access import key_of, system_of
from akeso.faces.api.views import entry_view, incident_view

router = APIRouter()

UNAUTHORIZED = 4401
TOO_SLOW = 4408
ROOM = 1000


@router.websocket("/api/v1/stream")
async def stream(socket: WebSocket) -> None:
    """One JSON object per journal event of the caller's tenant, with the incident after it."""
    system = system_of(socket)
    caller = system.keys.caller(key_of(socket))
    await socket.accept()
    if caller is None or caller.role < Role.VIEWER:
        await socket.close(UNAUTHORIZED, "a key with role viewer or above is needed")
        return
    with suppress(WebSocketDisconnect):
        await _follow(socket, caller)


async def _follow(socket: WebSocket, caller: Caller) -> None:
    queue: asyncio.Queue[Entry] = asyncio.Queue(ROOM)
    with system_of(socket).feed.listen(queue) as overrun:
        closed = asyncio.create_task(_until_closed(socket))
        try:
            while not closed.done():
                if overrun.is_set():
                    await socket.close(TOO_SLOW, "the reader is too slow; connect again and read the incidents")
                    return
                await _forward(socket, queue, caller.tenant, closed)
        finally:
            closed.cancel()


async def _forward(socket: WebSocket, queue: asyncio.Queue[Entry], tenant: str, closed: asyncio.Task[None]) -> None:
    getter = asyncio.create_task(queue.get())
    done, _ = await asyncio.wait({getter, closed}, return_when=asyncio.FIRST_COMPLETED)
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
