"""An incident: what the fold of its journal events holds (see akeso.domain.incident.evolution)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from akeso.domain.detection.anomaly import Alert, Anomaly, Severity
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.domain.incident.outcome import Recovery, Verification
from akeso.domain.incident.person_events import CloseReason, Priority
from akeso.domain.incident.plan import Option, Plan, Step


class IncidentStatus(StrEnum):
    DETECTED = "DETECTED"
    ANALYZING = "ANALYZING"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    EXECUTING = "EXECUTING"
    VERIFYING = "VERIFYING"
    ROLLED_BACK = "ROLLED_BACK"
    RESOLVED = "RESOLVED"
    ESCALATED = "ESCALATED"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"
    CLOSED = "CLOSED"

    @property
    def over(self) -> bool:
        """Nothing more happens unless it is re-opened."""
        return self in _OVER

    @property
    def handed_over(self) -> bool:
        """Akeso has called people and begins nothing by itself; the incident goes on."""
        return self in _HANDED_OVER

    @property
    def at_rest(self) -> bool:
        """Akeso takes no step of its own."""
        return self in _OVER or self in _HANDED_OVER


_OVER = frozenset({IncidentStatus.RESOLVED, IncidentStatus.CLOSED, IncidentStatus.SUPPRESSED})
_HANDED_OVER = frozenset({IncidentStatus.ESCALATED, IncidentStatus.FAILED})
# An alert that fired so many times again within one incident flaps.
_FLAPS = 2


class ActionStatus(StrEnum):
    PROPOSED = "proposed"
    DENIED = "denied"
    ASKED = "asked"
    ALLOWED = "allowed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    PREVIEWED = "previewed"  # dry run only
    INTENDED = "intended"
    APPLIED = "applied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """What became of one step. cause: service and class of fault that were diagnosed when a person decided on it;
    lifted_by: who took a rejection back."""

    step: Step
    status: ActionStatus = ActionStatus.PROPOSED
    verdict: str = ""
    policy: str = ""
    why: str = ""
    approvers: tuple[str, ...] = ()
    expires_at: datetime | None = None
    approved_by: str = ""
    approved_role: str = ""
    approved_at: datetime | None = None
    rejected_by: str = ""
    rejected_at: datetime | None = None
    rejected_for: str = ""
    lifted_by: str = ""
    cause: tuple[str, str] = ("", "")
    dry_run: bool = False
    preview: str = ""
    key: str = ""
    attempts: int = 0  # times the effect was tried, whatever came of it
    pre_state: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    intended_at: datetime | None = None
    applied_at: datetime | None = None
    denied_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A person's words."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Closing:
    """How a person ended it. duplicate_of: an incident, or ""."""

    at: datetime
    by: str
    reason: CloseReason
    comment: str = ""
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class Calling:
    """People were called, by a step of an escalation chain, in these channels."""

    at: datetime
    chain: str
    step: int
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attention:
    """What people made of an incident. acknowledged_by, assignee: "" for nobody; priority: None until somebody sets it;
    merged: the incidents that belong to it since; called: who was called since it opened, or was opened again."""

    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    assignee: str = ""
    priority: Priority | None = None
    snoozed_until: datetime | None = None
    comments: tuple[Comment, ...] = ()
    closing: Closing | None = None
    merged: tuple[str, ...] = ()
    split_into: tuple[str, ...] = ()
    called: tuple[Calling, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """The state of one incident. Only `evolve` makes new ones.

    reopened_at: when Akeso last began on it anew: a re-opening, an analysis or approval after people had been called;
    handed_over_at: when they were called; flaps: by sender and fingerprint, how often an alert of it fired again.
    """

    id: str
    tenant: str
    service: str
    title: str
    severity: Severity
    onset: datetime
    detected_at: datetime
    updated_at: datetime
    status: IncidentStatus = IncidentStatus.DETECTED
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()
    diagnosis: Diagnosis | None = None
    explanation: Explanation | None = None  # by a reasoner that takes its time
    plan: Plan | None = None
    plans: int = 0
    diagnoses: int = 0
    diagnosed_at: datetime | None = None
    analysis_due: bool = False  # somebody asked for a (new) diagnosis that was not made yet
    plan_due: bool = False  # the plan, if any, is older than the diagnosis
    option: int = 0  # index into plan.options of the one being tried
    actions: Mapping[str, ActionRecord] = field(default_factory=lambda: MappingProxyType({}))
    watches: tuple[e.Watch, ...] = ()
    verify_by: datetime | None = None
    verification: Verification | None = None
    ended_at: datetime | None = None
    why: str = ""
    memory: str = ""
    mttr: timedelta | None = None
    sequence: int = 0
    symptom: str = ""  # the title it opened with: what was noticed first
    reported: str = ""  # the service that a person opened the incident on; empty when Akeso noticed it
    reopened: int = 0
    reopened_at: datetime | None = None
    handed_over_at: datetime | None = None
    flaps: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    attention: Attention = field(default_factory=Attention)

    @property
    def services(self) -> frozenset[str]:
        """Every service with an anomaly or an alert."""
        return frozenset({self.service, *(a.service for a in self.anomalies), *(a.service for a in self.alerts)})

    @property
    def taken_up_at(self) -> datetime:
        """When Akeso last began on it."""
        return self.reopened_at or self.detected_at

    @property
    def flapping(self) -> int:
        """How often the alert that flaps most has fired; 0 when none does."""
        most = max(self.flaps.values(), default=0)
        return most + 1 if most >= _FLAPS else 0

    @property
    def current_option(self) -> Option | None:
        """The way of healing that is being tried; None when there is none (left)."""
        if self.plan is None or self.option >= len(self.plan.options):
            return None
        return self.plan.options[self.option]


def recovered(incident: Incident) -> bool:
    """Whether the last verification says so."""
    return incident.verification is not None and incident.verification.recovery is Recovery.RECOVERED
