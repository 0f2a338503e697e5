"""The remote side of a span, as its attributes name it (OpenTelemetry semantic conventions)."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

# The stable name first, then those it replaced.
_NAMED = ("peer.service", "service.peer.name")
_DESTINATION = ("messaging.destination.name", "messaging.destination")
_ADDRESS = ("server.address", "net.peer.name", "network.peer.address", "net.sock.peer.addr")
_PORT = ("server.port", "net.peer.port", "network.peer.port")
_DATABASE = ("db.system.name", "db.system")
PEER_ATTRIBUTES = frozenset((*_NAMED, *_DESTINATION, *_ADDRESS, *_PORT, *_DATABASE))


def peer_of(found: Mapping[str, str]) -> str:
    """The remote side as the caller names it: its service, the queue, its host, or the kind of database; "" if nothing
    tells. found: those of PEER_ATTRIBUTES that the span has."""
    address = _first(found, _ADDRESS)
    named = _first(found, _NAMED) or _first(found, _DESTINATION)
    if named:
        return named
    if address and not _anonymous(address):
        return address
    database = _first(found, _DATABASE)
    port = _first(found, _PORT)
    # An IP address tells nothing of what listens there without its port.
    return database or (f"{address}:{port}" if address and port else address)


@lru_cache(maxsize=4_096)
def peer_told(pairs: tuple[tuple[str, str], ...]) -> str:
    """`peer_of` what these names and values say; most calls go to the few peers that were told before."""
    return peer_of(dict(pairs))


def _first(found: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((found[name] for name in names if found.get(name)), "")


@lru_cache(maxsize=4_096)
def _anonymous(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return address == "localhost"
    return True
