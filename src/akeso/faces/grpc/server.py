"""OTLP over gRPC: the three Export services, decoded by the sources that serve OTLP over HTTP.

https://opentelemetry.io/docs/specs/otlp/#otlpgrpc. Messages pass as bytes, so that they are parsed once, by the source.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import unquote

import grpc
import grpc.aio

from akeso.composition.system import System
from akeso.domain.errors import AkesoError, InvalidSettings, Overloaded, Unavailable
from akeso.engine.fairness import Holding
from akeso.faces.admission import check_tenant, presented_key
from akeso.faces.grpc.refusal import Refusal, refusal_of
from akeso.ports.source import IngestRequest, Source

LIMIT = 20 * 2**20
CALLS_A_CONNECTION = 32
_CONTENT_TYPE = "application/x-protobuf"
_PACKAGE = "opentelemetry.proto.collector"
PATHS = {
    f"{_PACKAGE}.metrics.v1.MetricsService": "/v1/metrics",
    f"{_PACKAGE}.logs.v1.LogsService": "/v1/logs",
    f"{_PACKAGE}.trace.v1.TraceService": "/v1/traces",
}
_OPTIONS = (
    ("grpc.max_receive_message_length", LIMIT),
    ("grpc.max_concurrent_streams", CALLS_A_CONNECTION),
    ("grpc.so_reuseport", 0),  # a second Akeso on the port must fail, not share it
)

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_Export: TypeAlias = Callable[[bytes, _Context], Awaitable[bytes]]

_STRANGER = Refusal(
    grpc.StatusCode.UNAUTHENTICATED, "a valid API key is needed: send it in the metadata as x-api-key or authorization"
)


class OtlpServer:
    """The gRPC listener of a running system. A call is answered once what it carried is durable."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._server = grpc.aio.server(options=_OPTIONS)
        sources = {path: source for source in system.sources.values() for path in source.paths}
        for service, path in PATHS.items():
            if path in sources:
                handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
                    self._export(sources[path], path)
                )
                self._server.add_generic_rpc_handlers(
                    (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
                )

    async def start(self, host: str, port: int) -> int:
        """The port it listens on; a free one for 0. Raises InvalidSettings when it cannot have it."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            taken = self._port(address)
        except (RuntimeError, OSError) as bad:
            raise InvalidSettings("grpc_port", f"cannot listen on {address}: {bad}") from bad
        await self._server.start()
        return taken

    def _port(self, address: str) -> int:
        access = self._system.settings.access
        if access.tls_certificate is None or access.tls_key is None:
            return self._server.add_insecure_port(address)
        pair = access.tls_key.read_bytes(), access.tls_certificate.read_bytes()
        return self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))

    async def stop(self, grace_s: float) -> None:
        """Takes no more calls, and gives those under way so long to end."""
        await self._server.stop(grace_s)

    def _stranger(self, context: _Context, key: str) -> Refusal:
        try:
            if key:
                self._system.refused_keys.note(_host(context.peer()))
        except Overloaded as often:
            return refusal_of(often)
        return _STRANGER

    def _export(self, source: Source, path: str) -> _Export:
        async def export(body: bytes, context: _Context) -> bytes:
            system = self._system
            headers = _headers(context)
            sender = system.keys.caller(presented_key(headers))
            if sender is None:
                return await _refuse(context, self._stranger(context, presented_key(headers)))
            try:
                check_tenant(sender, headers)
                if not system.started:
                    raise Unavailable("Akeso is starting")
                asked = IngestRequest(path, headers, body, sender.tenant, system.clock.nanoseconds())
                with Holding(system.ingestion.bodies, sender.tenant) as held:
                    held.hold(len(body))
                    async with system.ingestion.turns.turn(sender.tenant, len(body)):
                        intake = source.decode(asked, system.ingest_table)
                    answer = await system.ingestion.accept(intake, sender.name)
            except AkesoError as error:
                return await _refuse(context, refusal_of(error))
            return answer.body

        return export


async def _refuse(context: _Context, refusal: Refusal) -> bytes:
    await context.abort(refusal.code, refusal.message, refusal.trailers)
    raise AssertionError("abort raises")


def _headers(context: _Context) -> dict[str, str]:
    metadata = context.invocation_metadata() or ()
    found = {name.lower(): value for name, value in metadata if isinstance(value, str)}
    return found | {"content-type": _CONTENT_TYPE}


def _host(peer: str) -> str:
    """The address in gRPC's name of a peer: `ipv4:127.0.0.1:4000`, `ipv6:%5B::1%5D:4000`."""
    _, _, address = unquote(peer).partition(":")
    return address.rpartition(":")[0].strip("[]")
