"""The sockets that Akeso listens on: its own port, and OTLP's standard ones, so that senders' defaults work."""

import importlib.util
import socket
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import structlog

from akeso.composition.system import System
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidSettings

log = structlog.get_logger(__name__)

OTLP_GRPC, OTLP_HTTP = 4317, 4318


class GrpcListener(Protocol):
    """An OTLP/gRPC server that listens."""

    async def stop(self, grace_s: float) -> None: ...


def http_listeners(settings: Settings) -> list[socket.socket]:
    """Akeso's own port, and the one of OTLP/HTTP where there is one. Raises InvalidSettings when a port that was asked
    for is taken; the standard port is done without, because a collector may have it."""
    _check_host(settings)
    listeners = [_bind(settings.host, settings.port, "port")]
    wanted = settings.otlp_http_port
    if wanted == 0:
        return listeners
    try:
        return [*listeners, _bind(settings.host, OTLP_HTTP if wanted is None else wanted, "otlp_http_port")]
    except InvalidSettings as taken:
        if wanted is not None:
            listeners[0].close()
            raise
        log.warning("otlp_http.port_taken", reason=str(taken))
        return listeners


def _check_host(settings: Settings) -> None:
    access, host = settings.access, settings.host
    if host == "localhost" or access.behind_proxy or access.tls_certificate is not None:
        return
    with suppress(ValueError):
        if ip_address(host).is_loopback:
            return
    said = (
        f"{host} is reached by other machines, and keys would cross the network in the clear: "
        "set access.tls_certificate and tls_key, or access.behind_proxy = true if a proxy in front does TLS"
    )
    raise InvalidSettings("host", said)


def anonymous_listeners(settings: Settings) -> list[socket.socket]:
    """What takes telemetry without a key, where the settings want that. Raises InvalidSettings."""
    access = settings.access
    found = []
    if access.anonymous_port:
        found.append(_bind("127.0.0.1", access.anonymous_port, "access.anonymous_port"))
    if access.anonymous_socket is not None:
        found.append(_bind_path(access.anonymous_socket))
    for listener in found:
        said = "anyone on this machine who reaches it may send; what rests on it never runs without a person"
        log.warning("keyless_listener.open", at=str(listener.getsockname()), meaning=said)
    return found


async def grpc_listener(system: System) -> GrpcListener | None:
    """OTLP/gRPC where it is wanted and can be had. Raises InvalidSettings when a port that was asked for is taken or
    the extra is missing."""
    wanted = system.settings.grpc_port
    if wanted == 0:
        return None
    if importlib.util.find_spec("grpc") is None or importlib.util.find_spec("google.rpc") is None:
        if wanted is None:
            return None
        raise InvalidSettings("grpc_port", "needs the extra: pip install 'akeso[grpc]'")
    from akeso.faces.grpc.server import OtlpServer  # extra [grpc]

    listener = OtlpServer(system)
    try:
        await listener.start(system.settings.host, OTLP_GRPC if wanted is None else wanted)
    except InvalidSettings as taken:
        if wanted is not None:
            raise
        log.warning("grpc.port_taken", reason=str(taken))
        return None
    return listener


def _bind_path(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            path.unlink()  # of an earlier life
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(128)
    except OSError as bad:
        listener.close()
        raise InvalidSettings("access.anonymous_socket", f"cannot listen on {path}: {bad.strerror}") from bad
    return listener


def _bind(host: str, port: int, setting: str) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as bad:
        raise InvalidSettings(setting, f"cannot listen on {host}:{port}: {bad.strerror}") from bad
