"""Calls by the semantic conventions, the stable ones and those before them.

https://opentelemetry.io/docs/specs/semconv/ and, for the old names, version 1.20 of it:
https://github.com/open-telemetry/semantic-conventions/tree/v1.20.0/docs
"""

from dataclasses import dataclass, field

from akeso.worlds.answers import HARMLESS, Answer, http_status
from akeso.worlds.dialects.otel.operation import grpc_status, named, port_of, system_of
from akeso.worlds.dialects.wire.otlp import Value
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind
from akeso.worlds.happening import Thrown
from akeso.worlds.observation import Observation, Site
from akeso.worlds.wording import exception as exception_of_call
from akeso.worlds.wording import own_exception

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class SpanWords:
    """A span but for its ids and times. error: its status; exception: of its event."""

    name: str
    kind: int
    attributes: dict[str, Value] = field(hash=False)
    error: bool = False
    exception: Thrown | None = None


def serves(service: Service) -> bool:
    """Whether it is a program with an SDK in it, which databases and third parties are not."""
    return service.kind in {ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH}


def raised_by_caller(observation: Observation, link: int, answer: Answer) -> Thrown | None:
    """What the caller's library raises; None where an HTTP or gRPC status says it all."""
    protocol = observation.census.sites[observation.census.link_site[link]].protocol
    answered = http_status(answer) and protocol not in {CallProtocol.SQL, CallProtocol.REDIS}
    return None if answer in HARMLESS or answered else exception_of_call(observation, link, answer)


def raised_by_callee(observation: Observation, endpoint: int, answer: Answer) -> Thrown | None:
    """What the callee's own code raised; None where it only passed on what it got, or refused."""
    if http_status(answer) < 500 or answer in {Answer.UPSTREAM, Answer.UNAVAILABLE}:
        return None
    return own_exception(observation, endpoint, answer)


def server_span(service: Service, operation: str, answer: Answer, old: bool, exception: Thrown | None) -> SpanWords:
    """What the callee writes of a call."""
    failed = answer not in HARMLESS and (http_status(answer) >= 500 or not http_status(answer))
    if service.kind is ServiceKind.WORKER:
        return SpanWords(*_processing(service, old), answer not in HARMLESS, exception)
    if service.protocol is CallProtocol.GRPC:
        name = named(operation, CallProtocol.GRPC)
        return SpanWords(name.whole, SERVER, _rpc(name.verb, name.object, answer), failed, exception)
    name = named(operation, CallProtocol.HTTP)
    status = http_status(answer) or 500
    pairs: dict[str, Value]
    if old:
        pairs = {"http.method": name.verb, "http.scheme": "http", "http.target": name.object, "http.route": name.object}
        pairs |= {"net.host.name": service.name, "net.host.port": port_of(service), "http.flavor": "1.1"}
        pairs |= {"http.status_code": status, "http.user_agent": "Mozilla/5.0"}
    else:
        pairs = {"http.request.method": name.verb, "url.scheme": "http", "url.path": name.object}
        pairs |= {"http.route": name.object, "server.address": service.name, "server.port": port_of(service)}
        pairs |= {"http.response.status_code": status, "network.protocol.version": "1.1"}
        pairs |= {"error.type": exception.type if exception else str(status)} if failed else {}
    return SpanWords(name.whole, SERVER, pairs, failed, exception)


def client_span(
    caller: Service, callee: Service, site: Site, answer: Answer, old: bool, exception: Thrown | None
) -> SpanWords:
    """What the caller writes of a call."""
    failed = answer not in HARMLESS
    match site.protocol:
        case CallProtocol.SQL | CallProtocol.REDIS:
            return SpanWords(*_database(callee, site, old), failed, exception)
        case CallProtocol.MESSAGE:
            return SpanWords(*_publishing(callee, site, old), failed, exception)
        case CallProtocol.GRPC:
            name = named(site.operation, CallProtocol.GRPC)
            peer = {"net.peer.name" if old else "server.address": site.peer}
            return SpanWords(name.whole, CLIENT, _rpc(name.verb, name.object, answer) | peer, failed, exception)
        case _:
            return _http_client(caller, (site, port_of(callee)), answer, old, exception)


def _http_client(
    caller: Service, called: tuple[Site, int], answer: Answer, old: bool, exception: Thrown | None
) -> SpanWords:
    site, port = called
    name = named(site.operation, CallProtocol.HTTP)
    status = http_status(answer)
    failed = status >= 400 or not status
    url = f"http://{site.peer}:{port}{name.object}"
    pairs: dict[str, Value]
    if old:
        pairs = {"http.method": name.verb, "http.url": url}
        # Python's instrumentation of requests names nobody but in the URL.
        if caller.runtime is not Runtime.PYTHON:
            pairs |= {"net.peer.name": site.peer, "net.peer.port": port}
        pairs |= {"http.status_code": status} if status else {}
    else:
        pairs = {"http.request.method": name.verb, "url.full": url, "server.address": site.peer, "server.port": port}
        pairs |= {"http.response.status_code": status, "network.protocol.version": "1.1"} if status else {}
        pairs |= {"error.type": exception.type if exception else str(status)} if failed else {}
    return SpanWords(name.verb, CLIENT, pairs, failed, exception)


def _database(callee: Service, site: Site, old: bool) -> tuple[str, int, dict[str, Value]]:
    name, system = named(site.operation, site.protocol), system_of(callee)
    statement = statement_of(name.verb, name.object, site.protocol)
    if old:
        pairs: dict[str, Value] = {"db.system": system, "db.statement": statement, "net.peer.name": site.peer}
        pairs |= {"net.peer.port": port_of(callee)} | (
            {} if system == "redis" else {"db.name": "app", "db.user": "app"}
        )
        return name.verb, CLIENT, pairs
    pairs = {"db.system.name": system, "db.query.text": statement, "db.operation.name": name.verb}
    pairs |= {"server.address": site.peer, "server.port": port_of(callee)}
    pairs |= {} if system == "redis" else {"db.namespace": "app", "db.collection.name": name.object}
    return (name.whole if system != "redis" else name.verb), CLIENT, pairs


def statement_of(verb: str, table: str, protocol: CallProtocol) -> str:
    """A statement as instrumentations write it, without values."""
    if protocol is CallProtocol.REDIS:
        return f"{verb} ?"
    match verb:
        case "INSERT":
            return f"INSERT INTO {table} VALUES (?, ?, ?)"
        case "UPDATE":
            return f"UPDATE {table} SET state = ? WHERE id = ?"
        case "DELETE":
            return f"DELETE FROM {table} WHERE id = ?"
        case _:
            return f"{verb} * FROM {table} WHERE id = ?"


def _publishing(callee: Service, site: Site, old: bool) -> tuple[str, int, dict[str, Value]]:
    topic = site.operation
    if old:
        pairs: dict[str, Value] = {"messaging.system": system_of(callee), "messaging.destination": topic}
        return f"{topic} send", PRODUCER, pairs | {"net.peer.name": site.peer, "net.peer.port": port_of(callee)}
    pairs = {"messaging.system": system_of(callee), "messaging.destination.name": topic}
    pairs |= {"messaging.operation.name": "send", "messaging.operation.type": "send"}
    return f"send {topic}", PRODUCER, pairs | {"server.address": site.peer, "server.port": port_of(callee)}


def _processing(service: Service, old: bool) -> tuple[str, int, dict[str, Value]]:
    broker, topic = service.consumes or ("", service.name)
    system = "kafka" if "kafka" in broker else "rabbitmq"
    if old:
        pairs: dict[str, Value] = {"messaging.system": system, "messaging.destination": topic}
        return f"{topic} process", CONSUMER, pairs | {"messaging.operation": "process"}
    pairs = {"messaging.system": system, "messaging.destination.name": topic}
    pairs |= {"messaging.operation.name": "process", "messaging.operation.type": "process"}
    return f"process {topic}", CONSUMER, pairs | {"messaging.consumer.group.name": service.name}


def _rpc(service: str, method: str, answer: Answer) -> dict[str, Value]:
    return {
        "rpc.system": "grpc",
        "rpc.service": service,
        "rpc.method": method,
        "rpc.grpc.status_code": grpc_status(answer),
    }
