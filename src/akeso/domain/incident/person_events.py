"""What people say about an incident, and that they were called, in the past tense: part of
akeso.domain.incident.events.Event.

`by` is who said it. When it was said, and through which door, stands in the journal line.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from akeso.domain.detection.anomaly import Alert, Anomaly


class CloseReason(StrEnum):
    """Why a person ended an incident."""

    FIXED_BY_HAND = "fixed_by_hand"
    FALSE_ALARM = "false_alarm"
    KNOWN = "known"
    DUPLICATE = "duplicate"
    OTHER = "other"


class Priority(StrEnum):
    """How soon people want to be at it; P1 first."""

    P1 = "p1"
    P2 = "p2"
    P3 = "p3"
    P4 = "p4"
    P5 = "p5"


@dataclass(frozen=True, slots=True)
class IncidentAcknowledged:
    """Somebody is at it. Akeso goes on as before; nobody else needs to be woken."""

    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class IncidentAssigned:
    """to: who has it from now on; "" for nobody."""

    by: str
    to: str


@dataclass(frozen=True, slots=True)
class IncidentCommented:
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class IncidentSnoozed:
    """Until then nobody is called and Akeso begins nothing new. An instant that has passed ends a snooze."""

    by: str
    until: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PrioritySet:
    by: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class IncidentClosed:
    """A person ends it. duplicate_of: the incident that it was only another sight of; "" for none."""

    by: str
    reason: CloseReason
    comment: str = ""
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class IncidentReopened:
    """It goes on: a person says so, or an alert of it fires again. It is diagnosed anew."""

    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class IncidentMerged:
    """All that `source` was about belongs to this incident from now on. `source` is closed as its duplicate."""

    by: str
    source: str
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentSplit:
    """What is about `services` left this incident and became the incident `into`."""

    by: str
    into: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RejectionLifted:
    """The remedy of a rejected step may be proposed again."""

    by: str
    step: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PeopleCalled:
    """Akeso called people. chain: the escalation chain; step: which of its steps, from 0; channels: where they were
    called. Written before they are, so that a call is neither lost nor made twice."""

    chain: str
    step: int
    channels: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRefused:
    """Somebody's answer in a channel did not count. Belongs to no incident. by: who it claims to be from; times: how
    often this was so since the last line."""

    channel: str
    by: str
    why: str
    times: int = 1


PersonEvent: TypeAlias = (
    IncidentAcknowledged
    | IncidentAssigned
    | IncidentCommented
    | IncidentSnoozed
    | PrioritySet
    | IncidentClosed
    | IncidentReopened
    | IncidentMerged
    | IncidentSplit
    | RejectionLifted
    | PeopleCalled
    | AnswerRefused
)
