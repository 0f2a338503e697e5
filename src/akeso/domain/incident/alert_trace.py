"""What became of an alert that was accepted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from akeso.domain.detection.anomaly import Alert

# Tenant, kind of sender, fingerprint (or dedup_key): whatever else differs, it is the same alert.
Identity: TypeAlias = tuple[str, str, str]


def identity(alert: Alert) -> Identity:
    """By what it is known again."""
    return alert.tenant, alert.source, alert.fingerprint


class Fate(StrEnum):
    """What became of the last that was told of an alert."""

    OPENED = "opened"  # an incident
    ATTACHED = "attached"  # to an incident
    RESENT = "resent"  # the incident has it already
    FIRED_AGAIN = "fired_again"  # and belongs to the incident that it belonged to
    REOPENED = "reopened"  # fired again, and so the incident goes on
    ENDED = "ended"
    HELD = "held"  # it looks like an echo; it opens an incident if it lasts
    SILENCED = "silenced"  # it opens an incident if it outlasts the silence
    NOTED = "noted"  # it is only informative
    UNKNOWN_END = "unknown_end"  # the end of what was never told to have begun

    @property
    def waits(self) -> bool:
        """Whether it may open an incident by itself later."""
        return self in {Fate.HELD, Fate.SILENCED}


@dataclass(frozen=True, slots=True)
class AlertTrace:
    """alert: as it was told last; times: how often it was told; firings: how often it began; incident: "" for none."""

    alert: Alert
    fate: Fate
    why: str
    incident: str
    first_at: datetime
    last_at: datetime
    times: int = 1
    firings: int = 1
