"""Everything that can happen to an incident, in the past tense. The journal holds these and nothing else.

An event carries only what JSON can carry (strings, finite numbers, timestamps, frozen values made of them), because
its bytes are hashed, stored for years and read by other programs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from akeso.domain.detection.anomaly import Alert, Anomaly, Severity
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.person_events import (
    AnswerRefused,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentClosed,
    IncidentCommented,
    IncidentMerged,
    IncidentReopened,
    IncidentSnoozed,
    IncidentSplit,
    PeopleCalled,
    PrioritySet,
    RejectionLifted,
)
from akeso.domain.incident.plan import Plan, Step
from akeso.domain.telemetry.batches import Attributes

PreState = Mapping[str, str]
_EMPTY: Mapping[str, str] = MappingProxyType({})
_NO_NUMBERS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Watch:
    """One symptom that verification looks at: recovered when `observed ≤ bound`.

    attributes and stat complete the SeriesKey of the feature; at_fault: its value when the incident opened; every: from
    one value to the next.
    """

    service: str
    metric: str
    attributes: Attributes = ()
    stat: str = ""
    bound: float = 0.0
    at_fault: float = 0.0
    every: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class IncidentDetected:
    tenant: str
    service: str
    title: str
    severity: Severity
    onset: datetime
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class AnomaliesAttached:
    anomalies: tuple[Anomaly, ...]


@dataclass(frozen=True, slots=True)
class AlertAttached:
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertCleared:
    """The sender says that an attached alert is over. source: the sender's kind; "" in earlier lines, for any."""

    fingerprint: str
    starts_at: datetime
    source: str = ""


@dataclass(frozen=True, slots=True)
class AlertFiredAgain:
    """An attached alert that had ended fires again, as it is now."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class AnalysisStarted:
    by: str = ""  # a person, when one asked for it


@dataclass(frozen=True, slots=True)
class DiagnosisMade:
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class ExplanationGiven:
    """Words on the `diagnosis`-th diagnosis of the incident (1, 2, …), given after it. They change nothing else."""

    diagnosis: int
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class PlanMade:
    plan: Plan


@dataclass(frozen=True, slots=True)
class PolicyDecided:
    """verdict: "allow", "ask", "deny" or "modify"; policy: the deciding policy's name; instead: the smaller step that
    "modify" allows in the place of the proposed one."""

    step: str
    verdict: str
    policy: str
    why: str = ""
    trust: str = ""
    instead: Step | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    step: str
    approvers: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApprovalGranted:
    step: str
    by: str
    role: str
    dry_run: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRejected:
    step: str
    by: str
    role: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalExpired:
    step: str


@dataclass(frozen=True, slots=True)
class ActionPreviewed:
    """A dry run: what would be done; nothing was."""

    step: str
    preview: str


@dataclass(frozen=True, slots=True)
class ActionIntended:
    """Written before the effect runs. After a crash this is all there is, so it holds what `check` and `undo` need."""

    step: str
    key: str
    pre_state: PreState = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True)
class ActionApplied:
    step: str
    key: str
    detail: str = ""
    numbers: Mapping[str, float] = field(default_factory=lambda: _NO_NUMBERS)


@dataclass(frozen=True, slots=True)
class ActionNotApplied:
    step: str
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class ActionUncertain:
    """Nobody can tell whether the effect took place."""

    step: str
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class UndoIntended:
    step: str
    key: str


@dataclass(frozen=True, slots=True)
class ActionUndone:
    step: str
    key: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UndoFailed:
    step: str
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class VerificationStarted:
    watches: tuple[Watch, ...]
    deadline: datetime


@dataclass(frozen=True, slots=True)
class VerificationMade:
    recovery: Recovery
    statement: str
    numbers: Mapping[str, float] = field(default_factory=lambda: _NO_NUMBERS)


@dataclass(frozen=True, slots=True)
class OptionAbandoned:
    """This way of healing was given up (denied, failed, did not help and was undone); the next one may be tried."""

    why: str


@dataclass(frozen=True, slots=True)
class IncidentResolved:
    why: str


@dataclass(frozen=True, slots=True)
class IncidentEscalated:
    why: str


@dataclass(frozen=True, slots=True)
class IncidentFailed:
    why: str


@dataclass(frozen=True, slots=True)
class IncidentSuppressed:
    why: str


@dataclass(frozen=True, slots=True)
class LessonLearned:
    """The incident went into memory. mttr_seconds: detection to recovery; None when it did not recover."""

    memory: str
    mttr_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FeedbackGiven:
    """A person's word on the diagnosis. service and fault_class: what it really was; empty means as diagnosed."""

    by: str
    helpful: bool
    service: str = ""
    fault_class: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class EffectsSuspended:
    """Every effect is stopped until EffectsResumed. Belongs to no incident."""

    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EffectsResumed:
    by: str


Event: TypeAlias = (
    IncidentDetected
    | AnomaliesAttached
    | AlertAttached
    | AlertCleared
    | AlertFiredAgain
    | AnalysisStarted
    | DiagnosisMade
    | ExplanationGiven
    | PlanMade
    | PolicyDecided
    | ApprovalRequested
    | ApprovalGranted
    | ApprovalRejected
    | ApprovalExpired
    | ActionPreviewed
    | ActionIntended
    | ActionApplied
    | ActionNotApplied
    | ActionUncertain
    | UndoIntended
    | ActionUndone
    | UndoFailed
    | VerificationStarted
    | VerificationMade
    | OptionAbandoned
    | IncidentResolved
    | IncidentEscalated
    | IncidentFailed
    | IncidentSuppressed
    | LessonLearned
    | FeedbackGiven
    | EffectsSuspended
    | EffectsResumed
    # Spelt out, because readers of the journal take the kinds from here.
    | IncidentAcknowledged
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal line. sequence: 1, 2, 3, … over the whole journal; incident: "" for events of the whole system.

    hash = SHA-256 over the previous line's hash and this line's content, in hex.
    """

    sequence: int
    incident: str
    at: datetime
    actor: str
    event: Event
    hash: str = ""
