"""Who may do what through the faces, and in whose name senders may speak."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from fnmatch import fnmatchcase

# Authors of telemetry and alerts are known by the name of their key. These two have none.
AKESO = "akeso"  # Akeso itself, and what its settings told it to fetch
ANONYMOUS = ""  # a sender without a key
# What was stored before authors were kept.
UNTOLD = "?"

OWN = "akeso."  # services of Akeso's own pipeline begin with it


class Role(IntEnum):
    """Each role may do all that the ones below it may."""

    INGEST = 0  # send telemetry
    VIEWER = 1  # look
    OPERATOR = 2  # open incidents, ask for analysis, give feedback, suspend effects
    APPROVER = 3  # approve, reject, execute
    ADMIN = 4  # everything, keys and resuming effects included


# Whose telemetry is believed without more being said: keys that were made for sending, and those that may do anything.
_SENDERS = frozenset({Role.INGEST, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    speaks_for: patterns (`*` and `?` as in file names) of the services that it may speak for as a sender; None: all
    for a key that was made for sending and for an admin, none for others. expires: when the key ends; None: never.
    """

    name: str
    role: Role
    tenant: str
    speaks_for: tuple[str, ...] | None = None
    expires: datetime | None = None

    def may_speak_for(self, service: str) -> bool:
        """Whether telemetry and alerts of it about `service` are those of a sender that was given that right. Nobody
        speaks for Akeso itself."""
        if service.startswith(OWN):
            return False
        if self.speaks_for is None:
            return self.role in _SENDERS
        return any(fnmatchcase(service, pattern) for pattern in self.speaks_for)
