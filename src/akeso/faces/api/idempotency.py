"""`Idempotency-Key` on every POST: sent again with the same body, a request is answered as it was and not repeated.

After the IETF draft "The Idempotency-Key HTTP Header Field": a key with another body is refused (422). A request that
is sent again while the first is worked on waits for its answer. What the server could not do (429, 5xx) and what the
caller may not do (401, 403) is not kept. Answers are kept for a day, after they were given: if Akeso dies between
doing and keeping, what is sent again is a new request.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from akeso.engine.kept_answers import KEPT_FOR, AnswerShelf, KeptAnswer
from akeso.faces.admission import presented_key
from akeso.faces.api.request_checks import LARGEST, Refusal, refuse

HEADER = "idempotency-key"
_LONGEST = 255
_NOT_KEPT = frozenset({401, 403, 408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class IdempotencyOptions:
    """known: whether a key that a caller presents is somebody's; now: the present instant."""

    shelf: AnswerShelf
    known: Callable[[str], bool]
    now: Callable[[], datetime]


@dataclass(slots=True)
class _Answer:
    """What the application sends."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class Idempotency:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, options: IdempotencyOptions) -> None:
        self._app, self._options = app, options
        # A turn goes with the last request that holds it or waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" and scope["method"] == "POST" else Headers()
        caller = presented_key(headers) if HEADER in headers else ""
        # Who is nobody gets no answer of somebody; the application says so itself.
        if HEADER not in headers or not self._options.known(caller):
            await self._app(scope, receive, send)
            return
        named = headers[HEADER].strip()
        if not 0 < len(named) <= _LONGEST:
            await refuse(Refusal(422, f"has to have 1 to {_LONGEST} characters", HEADER), send)
            return
        body = await _read(receive)
        if body is None:
            await refuse(Refusal(413, f"is taken with bodies of up to {LARGEST} bytes only", HEADER), send)
            return
        key = _digest(caller, scope["path"], named)
        asked = _digest(body.decode("latin-1"), scope.get("query_string", b"").decode("latin-1"))
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            await self._answer(key, asked, (scope, _replayed(body, receive), send))

    async def _answer(self, key: str, asked: str, request: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = request
        now = self._options.now()
        kept = await self._options.shelf.find(key, now - KEPT_FOR)
        if kept is not None:
            await (_send(kept, send) if kept.asked == asked else refuse(Refusal(422, _OTHER, HEADER), send))
            return
        said = _Answer()
        await self._app(scope, receive, said.take)
        if said.status < 500 and said.status not in _NOT_KEPT:
            named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in said.headers}
            told = {name: named[name] for name in ("content-type",) if name in named}
            await self._options.shelf.keep(key, KeptAnswer(asked, said.status, bytes(said.body), told), now)
        await send({"type": "http.response.start", "status": said.status, "headers": said.headers})
        await send({"type": "http.response.body", "body": bytes(said.body)})


_OTHER = "was used with another body within a day: a new request needs a new key"


async def _read(receive: Receive) -> bytes | None:
    """The body; None for one that is too large, or that nobody sends to its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _send(kept: KeptAnswer, send: Send) -> None:
    headers = {**kept.headers, "content-length": str(len(kept.body)), "idempotency-replayed": "true"}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": kept.status, "headers": raw})
    await send({"type": "http.response.body", "body": kept.body})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
