"""Ports of their own for senders that do not speak HTTP: syslog, StatsD, Graphite and Fluent forward.

What a connection or a second's datagrams bring is handed to the source of the protocol like the body of a request. A
sender over TCP is read no further while what it sent is not stored; datagrams for which there is no room are dropped
and counted.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from akeso.composition.system import System
from akeso.config.intake_settings import ListenSettings
from akeso.domain.errors import AkesoError, InvalidInput, InvalidSettings, Overloaded, Unavailable
from akeso.domain.estate.access import ANONYMOUS
from akeso.engine.fairness import Holding
from akeso.ports.source import Answer, IngestRequest
from akeso.protocols.framing import Framing, whole_lines, whole_message, whole_syslog

log = structlog.get_logger(__name__)

_CHUNK = 2**16
_LARGEST = 8 * 2**20  # of one message, and of datagrams that wait
_CONNECTIONS = 256
_IDLE_S = 600.0
_GATHER_S = 1.0
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A protocol: its source's path, its framing over TCP, a datagram as a message, whether answers are sent."""

    path: str
    framing: Framing
    datagram: Callable[[bytes], bytes]
    answers: bool = False


_SPOKEN = {
    "syslog": _Spoken("/api/v1/syslog", whole_syslog, lambda data: b"%d %b" % (len(data), data)),
    "statsd": _Spoken("/api/v1/statsd", whole_lines, lambda data: data + b"\n"),
    "graphite": _Spoken("/api/v1/graphite", whole_lines, lambda data: data + b"\n"),
    "fluent": _Spoken("/api/v1/fluent", whole_message, lambda data: data, answers=True),
}


class SocketListeners:
    """All that the settings ask for. ports: where each listens, in their order."""

    def __init__(self, system: System) -> None:
        self.ports: list[int] = []
        self._system = system
        self._open: list[_Stream | _Datagrams] = []

    async def start(self, wanted: Sequence[ListenSettings]) -> None:
        """Raises InvalidSettings when a port cannot be had or a certificate not be read."""
        for place, settings in enumerate(wanted):
            intake = _Intake(self._system, settings)
            listener = _Datagrams(intake) if settings.carried_by == "udp" else _Stream(intake, _tls(settings, place))
            try:
                self.ports.append(await listener.start(settings.host, settings.port))
            except OSError as bad:
                await self.stop()
                where = f"{settings.host}:{settings.port}"
                raise InvalidSettings(f"listen[{place}].port", f"cannot listen on {where}: {bad.strerror}") from bad
            self._open.append(listener)
            if settings.anyone:
                log.warning("listen.anyone", protocol=settings.protocol, host=settings.host, port=self.ports[-1])

    async def stop(self) -> None:
        """Takes nothing more; what was taken is handed on."""
        for listener in self._open:
            await listener.stop()
        self._open = []


class _Intake:
    """Hands bodies on until they are stored or refused."""

    def __init__(self, system: System, settings: ListenSettings) -> None:
        self.spoken = _SPOKEN[settings.protocol]
        self.protocol = settings.protocol
        # Nobody brings a key here. Who proved by a certificate to be one of ours has a name that may speak for nothing.
        self._author = f"listen.{settings.protocol}" if settings.client_ca is not None else ANONYMOUS
        self._system, self._tenant = system, settings.tenant or system.settings.tenant
        self._source = next(each for each in system.sources.values() if self.spoken.path in each.paths)
        self._said: set[str] = set()

    async def take(self, body: bytes) -> Answer | None:
        """The answer; None when nothing of it could be read, which is logged once a reason."""
        while True:
            try:
                return await self._accept(body)
            except Overloaded as full:
                await asyncio.sleep(full.retry_after.total_seconds())
            except Unavailable:
                await asyncio.sleep(_RETRY_S)
            except InvalidInput as bad:
                if bad.reason not in self._said and len(self._said) < 100:
                    self._said.add(bad.reason)
                    log.warning("listen.refused", protocol=self.protocol, reason=str(bad)[:200])
                return None

    async def _accept(self, body: bytes) -> Answer:
        system = self._system
        if not system.started:
            raise Unavailable("Akeso is starting")
        asked = IngestRequest(self.spoken.path, {}, body, self._tenant, system.clock.nanoseconds())
        with Holding(system.ingestion.bodies, self._tenant) as held:
            held.hold(len(body))
            async with system.ingestion.turns.turn(self._tenant, len(body)):
                intake = self._source.decode(asked, system.ingest_table)
            return await system.ingestion.accept(intake, self._author)


class _Stream:
    """TCP, with or without TLS."""

    def __init__(self, intake: _Intake, tls: ssl.SSLContext | None) -> None:
        self._intake, self._tls = intake, tls
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        self._server = await asyncio.start_server(self._connected, host, port, ssl=self._tls)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if len(self._connections) >= _CONNECTIONS or task is None:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._read(reader, writer)
        except (InvalidInput, TimeoutError, OSError) as bad:
            log.info("listen.closed", protocol=self._intake.protocol, reason=str(bad)[:200])
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting = bytearray()
        while chunk := await asyncio.wait_for(reader.read(_CHUNK), _IDLE_S):
            waiting += chunk
            while whole := self._intake.spoken.framing(waiting):
                answer = await self._intake.take(bytes(waiting[:whole]))
                del waiting[:whole]
                if self._intake.spoken.answers and answer is not None:
                    writer.write(answer.body)
                    await writer.drain()
            if len(waiting) > _LARGEST:
                raise InvalidInput("message", f"is longer than {_LARGEST} bytes")
        if waiting and not self._intake.spoken.answers:
            await self._intake.take(bytes(waiting))  # a last line without its end


class _Datagrams(asyncio.DatagramProtocol):
    """UDP: what came within a second is handed on together."""

    def __init__(self, intake: _Intake) -> None:
        self._intake = intake
        self._waiting = bytearray()
        self._dropped = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._handing: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (host, port))
        self._handing = asyncio.create_task(self._hand_on(), name=f"listen {self._intake.protocol}")
        found: int = self._transport.get_extra_info("sockname")[1]
        return found

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._handing is not None:
            self._handing.cancel()
            await asyncio.gather(self._handing, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """See asyncio.DatagramProtocol."""
        del addr
        if len(self._waiting) + len(data) > _LARGEST:
            self._dropped += 1
            return
        self._waiting += self._intake.spoken.datagram(data)

    async def _hand_on(self) -> None:
        while True:
            await asyncio.sleep(_GATHER_S)
            body, self._waiting = bytes(self._waiting), bytearray()
            try:
                if body:
                    await self._intake.take(body)
            except AkesoError as bad:
                log.warning("listen.failed", protocol=self._intake.protocol, error=str(bad)[:200])
            if self._dropped:
                log.warning("listen.dropped", protocol=self._intake.protocol, datagrams=self._dropped)
                self._dropped = 0


def _tls(settings: ListenSettings, place: int) -> ssl.SSLContext | None:
    if settings.carried_by != "tls" or settings.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.private_key)
        if settings.client_ca is not None:
            context.load_verify_locations(settings.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as bad:
        raise InvalidSettings(f"listen[{place}].certificate", f"cannot be read: {bad}") from bad
    return context
