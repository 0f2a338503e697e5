"""An incident: the fold of its journal events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.errors import InvalidTransition
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.domain.incident.outcome import Recovery, Verification
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

    @property
    def terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {IncidentStatus.RESOLVED, IncidentStatus.ESCALATED, IncidentStatus.FAILED, IncidentStatus.SUPPRESSED}
)


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


_UNDECIDED = (ActionStatus.PROPOSED, ActionStatus.ASKED, ActionStatus.ALLOWED, ActionStatus.PREVIEWED)


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """What became of one step."""

    step: Step
    status: ActionStatus = ActionStatus.PROPOSED
    verdict: str = ""
    policy: str = ""
    why: str = ""
    approvers: tuple[str, ...] = ()
    expires_at: datetime | None = None
    approved_by: str = ""
    approved_role: str = ""
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
class Incident:
    """The state of one incident. Only `evolve` makes new ones."""

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

    @property
    def services(self) -> frozenset[str]:
        """Every service with an anomaly or an alert."""
        return frozenset({self.service, *(a.service for a in self.anomalies), *(a.service for a in self.alerts)})

    @property
    def current_option(self) -> Option | None:
        """The way of healing that is being tried; None when there is none (left)."""
        if self.plan is None or self.option >= len(self.plan.options):
            return None
        return self.plan.options[self.option]


def fold(entries: Iterable[e.Entry]) -> Incident | None:
    """The incident after `entries` (its own, in order); None if there are none."""
    incident: Incident | None = None
    for entry in entries:
        incident = evolve(incident, entry)
    return incident


def evolve(incident: Incident | None, entry: e.Entry) -> Incident:
    """The incident after one more event. Raises InvalidTransition when the event does not fit the state."""
    if isinstance(entry.event, e.IncidentDetected):
        if incident is not None:
            raise InvalidTransition(entry.incident, "the incident was already detected")
        return _detected(entry, entry.event)
    if incident is None:
        raise InvalidTransition(entry.incident, f"{type(entry.event).__name__} before IncidentDetected")
    return replace(_apply(incident, entry), updated_at=entry.at, sequence=entry.sequence)


def _detected(entry: e.Entry, event: e.IncidentDetected) -> Incident:
    return Incident(
        id=entry.incident,
        tenant=event.tenant,
        service=event.service,
        title=event.title,
        severity=event.severity,
        onset=event.onset,
        detected_at=entry.at,
        updated_at=entry.at,
        anomalies=event.anomalies,
        alerts=event.alerts,
        sequence=entry.sequence,
        symptom=event.title,
        reported="" if event.anomalies or event.alerts else event.service,
    )


def _apply(i: Incident, entry: e.Entry) -> Incident:
    for family in (_findings, _course, _approvals, _effects, _endings):
        changed = family(i, entry)
        if changed is not None:
            return changed
    raise InvalidTransition(i.id, f"no incident knows the event {type(entry.event).__name__}")


def _findings(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.AnomaliesAttached(anomalies):
            return replace(i, anomalies=i.anomalies + anomalies)
        case e.AlertAttached(alert):
            return replace(i, alerts=(*i.alerts, alert), severity=max(i.severity, alert.severity))
        case e.AlertCleared(fingerprint, starts_at):
            return replace(i, alerts=tuple(_cleared(a, fingerprint, starts_at, entry.at) for a in i.alerts))
        case e.FeedbackGiven():
            return i
        case e.ExplanationGiven(number, explanation):
            # One that was overtaken by a newer diagnosis explains nothing any more.
            return replace(i, explanation=explanation) if number == i.diagnoses else i
        case e.LessonLearned(memory, seconds):
            return replace(i, memory=memory, mttr=None if seconds is None else timedelta(seconds=seconds))
    return None


def _cleared(alert: Alert, fingerprint: str, starts_at: datetime, at: datetime) -> Alert:
    if (alert.fingerprint, alert.starts_at) != (fingerprint, starts_at):
        return alert
    return replace(alert, status=AlertStatus.RESOLVED, ends_at=alert.ends_at or at)


def _course(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.AnalysisStarted():
            return replace(_open(i), status=IncidentStatus.ANALYZING, analysis_due=True)
        case e.DiagnosisMade(diagnosis):
            return _diagnosed(_open(i), diagnosis, entry.at)
        case e.PlanMade(plan):
            return _planned(_open(i), plan)
        case e.VerificationStarted(watches, deadline):
            return replace(
                _open(i), status=IncidentStatus.VERIFYING, watches=watches, verify_by=deadline, verification=None
            )
        case e.VerificationMade(recovery, statement, numbers):
            return replace(_open(i), verification=Verification(recovery, statement, numbers))
        case e.OptionAbandoned(why):
            return replace(_open(i), option=i.option + 1, why=why, verification=None, watches=(), verify_by=None)
    return None


def _diagnosed(i: Incident, diagnosis: Diagnosis, at: datetime) -> Incident:
    service = diagnosis.best.service if diagnosis.best else i.service
    return replace(
        i, diagnosis=diagnosis, service=service, title=_titled(i, diagnosis), diagnoses=i.diagnoses + 1,
        diagnosed_at=at, analysis_due=False, plan_due=True, explanation=None,
    )  # fmt: skip


def _titled(i: Incident, diagnosis: Diagnosis) -> str:
    """The title follows the cause; what was noticed first stands behind it."""
    best = diagnosis.best
    symptom = i.symptom or i.title
    if best is None or not diagnosis.known or symptom.startswith(f"{best.service}:"):
        return symptom
    kind = "fault" if best.fault_class == UNKNOWN else best.fault_class.replace("_", " ")
    return f"{best.service}: {kind} ({symptom})" if symptom else f"{best.service}: {kind}"


def _planned(i: Incident, plan: Plan) -> Incident:
    proposed = {s.id: ActionRecord(s) for o in plan.options for s in o.steps}
    if known := proposed.keys() & i.actions.keys():
        raise InvalidTransition(i.id, f"step ids were used before: {', '.join(sorted(known))}")
    return replace(
        i, plan=plan, plans=i.plans + 1, plan_due=False, option=0, actions={**i.actions, **proposed},
        verification=None, watches=(), verify_by=None,
    )  # fmt: skip


def _approvals(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.PolicyDecided():
            return _decided(_open(i), entry.event, entry.at)
        case e.ApprovalRequested(step, approvers, expires_at):
            _must_be(i, step, *_UNDECIDED)
            asked = replace(_open(i), status=IncidentStatus.PENDING_APPROVAL)
            return _record(asked, step, status=ActionStatus.ASKED, approvers=approvers, expires_at=expires_at)
        case e.ApprovalGranted(step, by, role, dry_run):
            _must_be(i, step, ActionStatus.ASKED, ActionStatus.PREVIEWED)
            granted = replace(_open(i), status=IncidentStatus.APPROVED)
            # The verdict was given without this approval, so policy has to be asked again.
            return _record(
                granted, step, status=ActionStatus.ALLOWED, verdict="",
                approved_by=by, approved_role=role, dry_run=dry_run,
            )  # fmt: skip
        case e.ApprovalRejected(step, by, _, reason):
            _must_be(i, step, ActionStatus.ASKED, ActionStatus.PREVIEWED)
            return _record(_open(i), step, status=ActionStatus.REJECTED, why=f"rejected by {by}: {reason}")
        case e.ApprovalExpired(step):
            _must_be(i, step, ActionStatus.ASKED, ActionStatus.PREVIEWED)
            return _record(_open(i), step, status=ActionStatus.EXPIRED, why="nobody approved it in time")
    return None


def _decided(i: Incident, event: e.PolicyDecided, at: datetime) -> Incident:
    _must_be(i, event.step, *_UNDECIDED, ActionStatus.FAILED, ActionStatus.DENIED)
    said = {"verdict": event.verdict, "policy": event.policy, "why": event.why}
    match event.verdict:
        case "ask":
            return _record(i, event.step, status=ActionStatus.ASKED, **said)
        case "allow":
            return _record(_approved(i), event.step, status=ActionStatus.ALLOWED, **said)
        case "modify" if event.instead is not None:
            smaller = replace(event.instead, id=event.step)
            return _record(_approved(i), event.step, status=ActionStatus.ALLOWED, step=smaller, **said)
        case _:
            return _record(i, event.step, status=ActionStatus.DENIED, denied_at=at, **said)


def _approved(i: Incident) -> Incident:
    return replace(i, status=IncidentStatus.APPROVED)


def _effects(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.ActionPreviewed(step, preview):
            _must_be(i, step, *_UNDECIDED)
            waiting = replace(_open(i), status=IncidentStatus.PENDING_APPROVAL)
            return _record(waiting, step, status=ActionStatus.PREVIEWED, preview=preview, dry_run=True)
        case e.ActionIntended(step, key, pre_state):
            _must_be(i, step, ActionStatus.ALLOWED)
            running = replace(_open(i), status=IncidentStatus.EXECUTING)
            return _record(
                running, step, status=ActionStatus.INTENDED, key=key, pre_state=pre_state,
                intended_at=entry.at, dry_run=False, attempts=i.actions[step].attempts + 1,
            )  # fmt: skip
        case e.ActionApplied(step, _, detail):
            _must_be(i, step, ActionStatus.INTENDED, ActionStatus.UNKNOWN)
            return _record(i, step, status=ActionStatus.APPLIED, applied_at=entry.at, detail=detail)
        case e.ActionNotApplied(step, _, why):
            _must_be(i, step, ActionStatus.ALLOWED, ActionStatus.INTENDED, ActionStatus.UNKNOWN)
            # Straight from ALLOWED: the target could not even be looked at, which was a try as well.
            tried = i.actions[step].attempts + (i.actions[step].status is ActionStatus.ALLOWED)
            return _record(i, step, status=ActionStatus.FAILED, why=why, attempts=tried)
        case e.ActionUncertain(step, _, why):
            _must_be(i, step, ActionStatus.INTENDED)
            return _record(i, step, status=ActionStatus.UNKNOWN, why=why)
        case e.UndoIntended(step, _):
            _must_be(i, step, ActionStatus.APPLIED, ActionStatus.UNKNOWN, ActionStatus.UNDOING)
            return _record(i, step, status=ActionStatus.UNDOING)
        case e.ActionUndone(step, _, detail):
            _must_be(i, step, ActionStatus.UNDOING)
            rolled_back = i if i.status.terminal else replace(i, status=IncidentStatus.ROLLED_BACK)
            return _record(rolled_back, step, status=ActionStatus.UNDONE, detail=detail)
        case e.UndoFailed(step, _, why):
            _must_be(i, step, ActionStatus.UNDOING)
            return _record(i, step, status=ActionStatus.UNDO_FAILED, why=why)
    return None


def _endings(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.IncidentResolved(why):
            return replace(_open(i), status=IncidentStatus.RESOLVED, ended_at=entry.at, why=why)
        case e.IncidentEscalated(why):
            return replace(_open(i), status=IncidentStatus.ESCALATED, ended_at=entry.at, why=why)
        case e.IncidentFailed(why):
            return replace(_open(i), status=IncidentStatus.FAILED, ended_at=entry.at, why=why)
        case e.IncidentSuppressed(why):
            return replace(_open(i), status=IncidentStatus.SUPPRESSED, ended_at=entry.at, why=why)
    return None


def _open(i: Incident) -> Incident:
    if i.status.terminal:
        raise InvalidTransition(i.id, f"the incident is {i.status} and takes no further steps")
    return i


def _must_be(i: Incident, step: str, *allowed: ActionStatus) -> None:
    record = i.actions.get(step)
    if record is None:
        raise InvalidTransition(step, "the incident has no such step")
    if record.status not in allowed:
        raise InvalidTransition(step, f"the step is {record.status}, not {' or '.join(allowed)}")


def _record(i: Incident, step: str, /, **changes: object) -> Incident:
    known = i.actions.get(step)
    if known is None:
        raise InvalidTransition(step, "the incident has no such step")
    return replace(i, actions={**i.actions, step: replace(known, **changes)})  # type: ignore[arg-type]


def recovered(incident: Incident) -> bool:
    """Whether the last verification says so."""
    return incident.verification is not None and incident.verification.recovery is Recovery.RECOVERED
