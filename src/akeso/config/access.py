"""Who may come in through the faces, and how."""

from dataclasses import dataclass
from pathlib import Path

from akeso.domain.errors import InvalidSettings

_MOVED = (
    "is gone: telemetry without a key is taken only on a door of its own, access.anonymous_socket or anonymous_port"
)


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who may come in, and how.

    anonymous_socket: a Unix socket on which telemetry is taken without a key. What rests on it never runs without a
        person; neither does what rests on the port below.
    anonymous_port: a port of 127.0.0.1 on which telemetry is taken without a key, until a header shows that a proxy or
        another host name stands before it; 0: none.
    anonymous_ingest: of an earlier release; only false is understood.
    """

    anonymous_socket: Path | None = None
    anonymous_port: int = 0
    anonymous_ingest: bool = False

    def __post_init__(self) -> None:
        if self.anonymous_ingest:
            raise InvalidSettings("anonymous_ingest", _MOVED)
