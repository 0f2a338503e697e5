"""The names of operations, taken apart as each protocol's conventions need them."""

from dataclasses import dataclass
from functools import lru_cache

from akeso.worlds.answers import Answer
from akeso.worlds.estate.service import CallProtocol, Service

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_PORTS = {"postgresql": 5432, "mysql": 3306, "redis": 6379, "rabbitmq": 5672, "kafka": 9092, "mongodb": 27017}
_GRPC = {
    Answer.OK: 0,
    Answer.NOT_FOUND: 5,
    Answer.INVALID: 3,
    Answer.LIMITED: 8,
    Answer.TIMED_OUT: 4,
    Answer.FAILED: 13,
    Answer.UPSTREAM: 13,
}
_GRPC_UNAVAILABLE = 14


@dataclass(frozen=True, slots=True)
class Named:
    """verb: method, SQL command or topic's operation; object: route, table, topic or gRPC method; whole: for names."""

    verb: str
    object: str
    whole: str


@lru_cache(maxsize=8192)
def named(operation: str, protocol: CallProtocol) -> Named:
    """An operation by its protocol."""
    verb, _, rest = operation.partition(" ")
    match protocol:
        case CallProtocol.HTTP | CallProtocol.NONE | CallProtocol.MESSAGE:
            method, route = (verb, rest) if verb in _METHODS else ("GET", operation)
            route = route if route.startswith("/") else f"/{route.lower().replace(' ', '-')}"
            return Named(method, route, f"{method} {route}")
        case CallProtocol.GRPC:
            service, _, method = operation.rpartition("/")
            return Named(service or "api.v1.Service", method, f"{service or 'api.v1.Service'}/{method}")
        case _:
            return Named(verb.upper(), rest, operation)


def port_of(service: Service) -> int:
    """Where it listens."""
    if service.product in _PORTS:
        return _PORTS[service.product]
    return 50051 if service.protocol is CallProtocol.GRPC else 80 if service.product in {"nginx", "haproxy"} else 8080


def grpc_status(answer: Answer) -> int:
    """The status code of gRPC. https://grpc.io/docs/guides/status-codes/"""
    return _GRPC.get(answer, _GRPC_UNAVAILABLE)


def system_of(service: Service) -> str:
    """The product as OpenTelemetry names it."""
    fallback = {CallProtocol.SQL: "postgresql", CallProtocol.REDIS: "redis", CallProtocol.MESSAGE: "rabbitmq"}
    return service.product or fallback.get(service.protocol, "")
