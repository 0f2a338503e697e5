"""What every request passes before it is looked at: whom it was sent to, from which page, and in which shape.

A browser that shows a foreign page sends requests in its owner's name and from its owner's machine. They are told apart
by what pages cannot change: Host, Origin, Sec-Fetch-Site, and a content type that needs a preflight.
"""

import json
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from akeso.faces.api.strict_json import Unfit, checked_json

# The most that a request to the API may hold; endpoints for telemetry have limits of their own.
LARGEST = 2**20
# Names that nobody can register in the public DNS, so that no foreign page can bring a browser to send them.
_RESERVED = frozenset({"localhost", "local", "internal", "svc", "test", "arpa", "lan"})
# What a form of a foreign page may send without asking first.
_SIMPLE = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
# Headers of protocols that no page sends without asking first: CloudEvents in binary mode, Amazon SNS, which says
# text/plain of its JSON, and Slack, which sends forms.
_ASKED_FIRST = ("ce-specversion", "x-amz-sns-message-type", "x-slack-signature")
_SAY = "say application/json, or what the protocol asks for"
_PLAIN = frozenset({"text/plain", ""})
_BODIED = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FOREIGN = frozenset({"cross-site", "same-site"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not looked at."""

    status: int
    reason: str
    field: str = ""

    @property
    def body(self) -> bytes:
        """In the shape of Akeso's other errors."""
        kind = "InvalidInput" if self.field else "Forbidden"
        said = {"error": kind, "message": f"{self.field}: {self.reason}" if self.field else self.reason}
        return json.dumps(said | ({"field": self.field, "reason": self.reason} if self.field else {})).encode()


@dataclass(frozen=True, slots=True)
class RequestCheckOptions:
    """hosts: patterns of names under which Akeso is reached, besides addresses and names that no page can have;
    origins: of pages that may call it; unread: paths whose bodies are checked by those who decode them; plain:
    paths of protocols that are plain text; page: the
    policy of its own page and of other HTML."""

    hosts: Sequence[str] = ()
    origins: Collection[str] = ()
    unread: Collection[str] = ()
    plain: Collection[str] = ()
    page: str = "default-src 'none'"


_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@dataclass
class RequestChecks:
    """ASGI middleware; the application behind it sees only what passed."""

    app: ASGIApp
    options: RequestCheckOptions = field(default_factory=RequestCheckOptions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._stranger(scope, headers)
        if scope["type"] == "websocket":
            await (_close(receive, send) if refused else self.app(scope, receive, send))
            return
        answering = self._with_headers(send)
        refused = refused or self._shape(scope, headers)
        if refused is None and scope["method"] in _BODIED and scope["path"] not in self.options.unread:
            refused, receive = await _read(headers, receive)
        if refused is not None:
            await refuse(refused, answering)
            return
        await self.app(scope, receive, answering)

    def _stranger(self, scope: Scope, headers: Mapping[str, str]) -> Refusal | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return Refusal(400, "has to be told once", "host")
        host = headers["host"].lower()
        if not self._is_own(host):
            known = "add it to access.allowed_hosts if Akeso is reached under it"
            return Refusal(421, f"{host[:100]!r} is no name of this Akeso; {known}", "host")
        origin = headers.get("origin")
        if origin is not None and origin not in self.options.origins and urlsplit(origin).netloc.lower() != host:
            return Refusal(403, f"pages of {origin[:100]!r} may not call Akeso (access.allowed_origins)")
        foreign = headers.get("sec-fetch-site") in _FOREIGN and headers.get("sec-fetch-mode") != "navigate"
        if foreign and origin not in self.options.origins:
            return Refusal(403, "other pages may not call Akeso (access.allowed_origins)")
        return None

    def _is_own(self, host: str) -> bool:
        name = _name(host)
        return _cannot_be_a_page(name) or any(fnmatchcase(name, pattern.lower()) for pattern in self.options.hosts)

    def _shape(self, scope: Scope, headers: Mapping[str, str]) -> Refusal | None:
        """A content type that a form of a foreign page cannot send, on whatever has a body."""
        if scope["method"] not in _BODIED:
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        asked_first = any(name in headers for name in _ASKED_FIRST)
        if kind in _PLAIN and scope["path"] in self.options.plain:
            # No page sends one of these headers without asking first.
            asked_first = asked_first or "x-api-key" in headers or "authorization" in headers
        if kind in _SIMPLE and not asked_first:
            return Refusal(
                415, f"{kind} is not taken: say application/json, or what the protocol asks for", "content-type"
            )
        empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        if not kind and not empty and not asked_first:
            return Refusal(415, f"is missing: {_SAY}", "content-type")
        return None

    def _with_headers(self, send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, self.options.page)
            await send(message)

        return answer


def _add_headers(message: MutableMapping[str, Any], page: str) -> None:
    headers = list(message.get("headers", ()))
    told = {name.lower(): value for name, value in headers}
    is_page = told.get(b"content-type", b"").startswith(b"text/html")
    policy = page if is_page else _NO_PAGE
    added = {**_HEADERS, b"content-security-policy": policy.encode()}
    headers += [(name, value) for name, value in added.items() if name not in told]
    message["headers"] = headers


async def _read(headers: Mapping[str, str], receive: Receive) -> tuple[Refusal | None, Receive]:
    """The body of a request to the API, checked, and what hands it on."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None, _replayed([message], receive)
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return Refusal(413, f"is larger than {LARGEST} bytes", "body"), receive
        if not message.get("more_body"):
            break
    if body:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return Refusal(415, "has to be application/json", "content-type"), receive
        try:
            checked_json(bytes(body))
        except Unfit as wrong:
            return Refusal(422, str(wrong), "body"), receive
    whole: Message = {"type": "http.request", "body": bytes(body), "more_body": False}
    return None, _replayed([whole], receive)


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def refuse(refusal: Refusal, send: Send) -> None:
    """Answer so, and end the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(refusal.body)).encode())]
    # What else the sender wrote is not read: the connection cannot be used again.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body})


async def _close(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008, "reason": ""})


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _cannot_be_a_page(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.rpartition(".")[2] in _RESERVED)
    return True
