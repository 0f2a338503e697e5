"""Requests to a running Akeso without a network: straight into its HTTP application."""

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request was answered with. headers: lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def refused(self) -> bool:
        """Akeso did not take it in, and says so."""
        return self.status >= 400

    def json(self) -> Any:
        """The body, read as JSON. Raises ValueError for what is none."""
        return json.loads(self.body)


class Door:
    """Speaks ASGI to an application in this process, as a caller on this machine."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request. target: path and query, as in a request line."""
        path, _, query = target.partition("?")
        lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if "host" not in {name.lower() for name in headers}:
            lines.append((b"host", b"akeso"))
        lines.append((b"content-length", str(len(body)).encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": lines,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        exchange = _Exchange(body)
        await self._application(scope, exchange.receive, exchange.send)
        return exchange.reply()


class _Exchange:
    """Both directions of one request."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status, self._headers, self._answer = 500, dict[str, str](), bytearray()

    async def receive(self) -> MutableMapping[str, Any]:
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {name.decode().lower(): value.decode() for name, value in message.get("headers", ())}
        else:
            self._answer += message.get("body", b"")

    def reply(self) -> Reply:
        return Reply(self._status, self._headers, bytes(self._answer))
