"""Who may come in through the faces, and how."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from akeso.domain.errors import InvalidSettings
from akeso.engine.refused_keys import RefusedKeyOptions

_MOVED = "is gone: telemetry without a key is taken on a door of its own, access.anonymous_socket or anonymous_port"


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """How many connections there may be, and how long a request may take to arrive.

    most: connections at once; beyond that those that have not said what they want make room.
    head: time for the head of a request.
    body: time for its body.
    silence: how long a body may pause.
    """

    most: int = 512
    head: timedelta = timedelta(seconds=10)
    body: timedelta = timedelta(seconds=60)
    silence: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who may come in, and how.

    allowed_hosts: names under which Akeso is reached, with `*` as in file names, besides addresses and names that are
        in no public DNS.
    allowed_origins: pages, besides Akeso's own, that may call it from a browser (`https://example.com`).
    anonymous_socket: a Unix socket on which telemetry is taken without a key. What rests on it never runs without a
        person; neither does what rests on the port below.
    anonymous_port: a port of 127.0.0.1 on which telemetry is taken without a key, until a header shows that a proxy or
        another host name stands before it; 0: none.
    without_key: of an earlier release, for all ports; only false is understood.
    tls_certificate: certificate (chain) of Akeso's own TLS, in PEM; read at the start: a renewed one needs a restart.
    tls_key: its private key, in PEM.
    behind_proxy: whether a proxy in front of Akeso does TLS; without it and without a certificate Akeso listens on
        addresses of this machine alone.
    metrics_without_key: whether `/metrics` is open to everybody.
    connections: how many there may be, and how long a request may take.
    refused_keys: when an address is told to wait.
    """

    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    anonymous_socket: Path | None = None
    anonymous_port: int = 0
    without_key: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    metrics_without_key: bool = True
    connections: ConnectionOptions = field(default_factory=ConnectionOptions)
    refused_keys: RefusedKeyOptions = field(default_factory=RefusedKeyOptions)

    def __post_init__(self) -> None:
        if self.without_key:
            raise InvalidSettings("access.without_key", _MOVED)
        for name in ("allowed_hosts", "allowed_origins"):
            if any(each.strip() == "*" for each in getattr(self, name)):
                raise InvalidSettings(f"access.{name}", "* would let in every foreign page; name them")
