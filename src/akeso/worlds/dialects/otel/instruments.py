"""Which instrument measures a call, and with which attributes.

https://opentelemetry.io/docs/specs/semconv/http/http-metrics/, …/database/database-metrics/, …/rpc/rpc-metrics/,
…/messaging/messaging-metrics/
"""

from dataclasses import dataclass
from functools import cached_property

from akeso.worlds.answers import HARMLESS, Answer, http_status
from akeso.worlds.dialects.otel.conventions import client_span, server_span
from akeso.worlds.dialects.otel.operation import port_of, system_of
from akeso.worlds.dialects.tally.grid import OTEL_DB_SECONDS, OTEL_DEFAULT, OTEL_SECONDS
from akeso.worlds.dialects.wire.otlp import Value
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind
from akeso.worlds.happening import Thrown
from akeso.worlds.observation import Site


@dataclass(frozen=True)
class Instrument:
    """A histogram of durations. bounds: explicit, in `unit`."""

    name: str
    unit: str
    bounds: tuple[float, ...]

    @property
    def in_ms(self) -> float:
        """Milliseconds in one unit."""
        return 1e3 if self.unit == "s" else 1.0

    @cached_property
    def bounds_ms(self) -> tuple[float, ...]:
        """The bounds, ms."""
        return tuple(bound * self.in_ms for bound in self.bounds)


_HTTP_SERVER = Instrument("http.server.request.duration", "s", OTEL_SECONDS)
_HTTP_CLIENT = Instrument("http.client.request.duration", "s", OTEL_SECONDS)
_OLD_HTTP_SERVER = Instrument("http.server.duration", "ms", OTEL_DEFAULT)
_OLD_HTTP_CLIENT = Instrument("http.client.duration", "ms", OTEL_DEFAULT)
_DATABASE = Instrument("db.client.operation.duration", "s", OTEL_DB_SECONDS)
_RPC_SERVER = Instrument("rpc.server.duration", "ms", OTEL_DEFAULT)
_RPC_CLIENT = Instrument("rpc.client.duration", "ms", OTEL_DEFAULT)
_SENT = Instrument("messaging.client.operation.duration", "s", OTEL_SECONDS)
_PROCESSED = Instrument("messaging.process.duration", "s", OTEL_SECONDS)

_HTTP = ("http.request.method", "url.scheme", "http.route", "http.response.status_code", "network.protocol.version")
_OLD_HTTP = ("http.method", "http.scheme", "http.status_code", "http.flavor", "net.host.name", "net.host.port")
_CLIENT = ("http.request.method", "server.address", "server.port", "http.response.status_code", "error.type")
_OLD_CLIENT = ("http.method", "http.status_code")
_QUERY = ("db.system.name", "db.operation.name", "db.namespace", "db.collection.name", "server.address", "server.port")
_RPC = ("rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code", "net.peer.name", "server.address")
_MESSAGE = ("messaging.system", "messaging.destination.name", "messaging.operation.name", "server.address")


def server_metric(
    service: Service, operation: str, answer: Answer, exception: Thrown | None, *, old: bool
) -> tuple[Instrument, dict[str, Value]] | None:
    """What the callee measures; None for what nothing measures."""
    words = server_span(service, operation, answer, old, exception)
    if service.kind is ServiceKind.WORKER:
        return None if old else (_PROCESSED, _picked(words.attributes, _MESSAGE) | _error(answer, exception))
    if service.protocol is CallProtocol.GRPC:
        return _RPC_SERVER, _picked(words.attributes, _RPC)
    if service.protocol is not CallProtocol.HTTP:
        return None
    if old:
        # Flask and its kin tell the route as the target, Java's agent as the route.
        route = "http.target" if service.runtime is Runtime.PYTHON else "http.route"
        return _OLD_HTTP_SERVER, _picked(words.attributes, (*_OLD_HTTP, route))
    return _HTTP_SERVER, _picked(words.attributes, (*_HTTP, "error.type"))


def client_metric(
    ends: tuple[Service, Service], site: Site, answer: Answer, exception: Thrown | None, *, old: bool
) -> tuple[Instrument, dict[str, Value]] | None:
    """What the caller measures; None for what nothing measures. ends: caller and callee."""
    words = client_span(*ends, site, answer, old, exception)
    match site.protocol:
        case CallProtocol.HTTP:
            if not old:
                return _HTTP_CLIENT, _picked(words.attributes, _CLIENT)
            peer: dict[str, Value] = {"net.peer.name": site.peer, "net.peer.port": port_of(ends[1])}
            return _OLD_HTTP_CLIENT, _picked(words.attributes, _OLD_CLIENT) | {"http.scheme": "http"} | peer
        case CallProtocol.GRPC:
            return _RPC_CLIENT, _picked(words.attributes, _RPC)
        case CallProtocol.SQL | CallProtocol.REDIS:
            return None if old else (_DATABASE, _picked(words.attributes, _QUERY) | _error(answer, exception))
        case CallProtocol.MESSAGE:
            return None if old else (_SENT, _picked(words.attributes, _MESSAGE) | _error(answer, exception))
        case _:
            return None


def pool_name(callee: Service) -> str:
    """How a connection pool is called after what it leads to."""
    return f"{system_of(callee)}://{callee.name}:{port_of(callee)}/app"


def _picked(pairs: dict[str, Value], names: tuple[str, ...]) -> dict[str, Value]:
    return {name: pairs[name] for name in names if name in pairs}


def _error(answer: Answer, exception: Thrown | None) -> dict[str, Value]:
    if answer in HARMLESS:
        return {}
    if exception is not None:
        return {"error.type": exception.type}
    return {"error.type": str(http_status(answer)) if http_status(answer) else answer.name.lower()}
