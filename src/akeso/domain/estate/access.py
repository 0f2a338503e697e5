"""Who may do what through the faces."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each role may do all that the ones below it may."""

    INGEST = 0  # send telemetry
    VIEWER = 1  # look
    OPERATOR = 2  # open incidents, ask for analysis, give feedback, suspend effects
    APPROVER = 3  # approve, reject, execute
    ADMIN = 4  # everything, keys and resuming effects included


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller."""

    name: str
    role: Role
    tenant: str
