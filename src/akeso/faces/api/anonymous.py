"""The door for senders without a key: a Unix socket or a port of the loopback address, with nothing behind it but the
routes for telemetry. What comes in has no author, so nothing that rests on it runs without a person.

The first sign that something stands before it (a forwarding header, another host name) shuts it for good: then it is
not this machine alone that may reach it.
"""

import structlog
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from akeso.composition.system import System
from akeso.domain.errors import Forbidden
from akeso.domain.estate.access import ANONYMOUS, Caller, Role
from akeso.faces.api import ingest
from akeso.faces.api.request_checks import RequestCheckOptions, RequestChecks

log = structlog.get_logger(__name__)

_FORWARDING = frozenset({
    "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip",
    "fastly-client-ip", "x-envoy-external-address", "x-original-forwarded-for", "x-original-host", "x-original-url",
})  # fmt: skip
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
# What only a browser sends.
_BROWSER = ("origin", "referer", "sec-fetch-site", "cookie")


class AnonymousDoor:
    """Lets senders in until something shows that it is not only for this machine. shut_by: what that was; "" while it
    is open."""

    def __init__(self, tenant: str) -> None:
        self._sender = Caller(ANONYMOUS, Role.INGEST, tenant)
        self.shut_by = ""

    def sender(self, connection: HTTPConnection) -> Caller:
        """The nameless sender. Raises Forbidden when the door is shut, or a browser stands before it."""
        if not self.shut_by and (sign := _sign_of_others(connection)):
            self.shut_by = sign
            log.error("keyless_listener.shut", reason=sign, until="the next start")
        if self.shut_by:
            raise Forbidden(f"telemetry without a key is not taken any more, as {self.shut_by}: send an API key")
        if any(name in connection.headers for name in _BROWSER):
            raise Forbidden("telemetry without a key is not taken from a browser")
        return self._sender


def create_anonymous_api(running: System) -> Starlette:
    """The routes for telemetry alone, for senders without a key."""
    routes = list(ingest.routes(running.sources))
    app = Starlette(routes=routes)
    app.state.system = running
    app.state.anonymous = AnonymousDoor(running.settings.tenant)
    app.add_middleware(
        RequestChecks, options=RequestCheckOptions(unread=frozenset(route.path for route in routes), hosts=("*",))
    )
    return app


def _sign_of_others(connection: HTTPConnection) -> str:
    for name in connection.headers:
        if name in _FORWARDING or name.startswith("x-forwarded-"):
            return f"a request came with {name}"
    host = connection.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return "" if name.lower() in _LOCAL else f"a request named the host {host[:100]!r}"
