"""How journal events change an incident: the only place that makes one."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from akeso.domain.detection.anomaly import Alert, AlertStatus
from akeso.domain.errors import InvalidTransition
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.outcome import Verification
from akeso.domain.incident.person_evolution import from_people
from akeso.domain.incident.plan import Plan

_UNDECIDED = (ActionStatus.PROPOSED, ActionStatus.ASKED, ActionStatus.ALLOWED, ActionStatus.PREVIEWED)
_WAITING = (ActionStatus.ASKED, ActionStatus.PREVIEWED)


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
    for family in (_findings, _course, _approvals, _effects, _endings, from_people):
        changed = family(i, entry)
        if changed is not None:
            return changed
    raise InvalidTransition(i.id, f"no incident knows the event {type(entry.event).__name__}")


def _findings(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.AnomaliesAttached(anomalies):
            return replace(i, anomalies=i.anomalies + anomalies)
        case e.AlertAttached(alert):
            # One that it has already became worse.
            others = tuple(a for a in i.alerts if (a.source, a.fingerprint) != (alert.source, alert.fingerprint))
            return replace(i, alerts=(*others, alert), severity=max(i.severity, alert.severity))
        case e.AlertCleared():
            return replace(i, alerts=tuple(_cleared(a, entry.event, entry.at) for a in i.alerts))
        case e.AlertFiredAgain(alert):
            return _fired_again(i, alert)
        case e.FeedbackGiven():
            return i
        case e.ExplanationGiven(number, explanation):
            # One that was overtaken by a newer diagnosis explains nothing any more.
            return replace(i, explanation=explanation) if number == i.diagnoses else i
        case e.LessonLearned(memory, seconds):
            return replace(i, memory=memory, mttr=None if seconds is None else timedelta(seconds=seconds))
    return None


def _cleared(alert: Alert, event: e.AlertCleared, at: datetime) -> Alert:
    if (alert.fingerprint, alert.starts_at) != (event.fingerprint, event.starts_at):
        return alert
    if event.source and event.source != alert.source:
        return alert
    return replace(alert, status=AlertStatus.RESOLVED, ends_at=alert.ends_at or at)


def _fired_again(i: Incident, alert: Alert) -> Incident:
    own = (alert.source, alert.fingerprint)
    alerts = tuple(alert if (a.source, a.fingerprint) == own else a for a in i.alerts)
    flaps = {**i.flaps, own: i.flaps.get(own, 0) + 1}
    return replace(i, alerts=alerts, flaps=flaps, severity=max(i.severity, alert.severity))


def _course(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.AnalysisStarted():
            return replace(_taken_up(i, entry.at), status=IncidentStatus.ANALYZING, analysis_due=True)
        case e.DiagnosisMade(diagnosis):
            return _diagnosed(_working(i), diagnosis, entry.at)
        case e.PlanMade(plan):
            return _planned(_working(i), plan)
        case e.VerificationStarted(watches, deadline):
            return replace(
                _working(i), status=IncidentStatus.VERIFYING, watches=watches, verify_by=deadline, verification=None
            )
        case e.VerificationMade(recovery, statement, numbers):
            return replace(_working(i), verification=Verification(recovery, statement, numbers))
        case e.OptionAbandoned(why):
            return replace(_working(i), option=i.option + 1, why=why, verification=None, watches=(), verify_by=None)
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
            return _decided(_working(i), entry.event, entry.at)
        case e.ApprovalRequested(step, approvers, expires_at):
            _must_be(i, step, *_UNDECIDED)
            asked = replace(_working(i), status=IncidentStatus.PENDING_APPROVAL)
            return _record(asked, step, status=ActionStatus.ASKED, approvers=approvers, expires_at=expires_at)
        case e.ApprovalGranted(step, by, role, dry_run):
            _must_be(i, step, *_WAITING)
            granted = replace(_taken_up(i, entry.at), status=IncidentStatus.APPROVED)
            # The verdict was given without this approval, so policy has to be asked again.
            return _record(
                granted, step, status=ActionStatus.ALLOWED, verdict="", approved_by=by, approved_role=role,
                approved_at=entry.at, dry_run=dry_run, cause=_cause(i),
            )  # fmt: skip
        case e.ApprovalRejected(step, by, _, reason):
            _must_be(i, step, *_WAITING)
            return _record(
                _not_over(i), step, status=ActionStatus.REJECTED, why=f"rejected by {by}: {reason}",
                rejected_by=by, rejected_at=entry.at, rejected_for=reason, cause=_cause(i),
            )  # fmt: skip
        case e.ApprovalExpired(step):
            _must_be(i, step, *_WAITING)
            return _record(_not_over(i), step, status=ActionStatus.EXPIRED, why="nobody approved it in time")
    return None


def _cause(i: Incident) -> tuple[str, str]:
    best = i.diagnosis.best if i.diagnosis else None
    return (best.service, best.fault_class) if best else (i.service, "")


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
            waiting = replace(_working(i), status=IncidentStatus.PENDING_APPROVAL)
            return _record(waiting, step, status=ActionStatus.PREVIEWED, preview=preview, dry_run=True)
        case e.ActionIntended(step, key, pre_state):
            _must_be(i, step, ActionStatus.ALLOWED)
            running = replace(_working(i), status=IncidentStatus.EXECUTING)
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
            rolled_back = i if i.status.at_rest else replace(i, status=IncidentStatus.ROLLED_BACK)
            return _record(rolled_back, step, status=ActionStatus.UNDONE, detail=detail)
        case e.UndoFailed(step, _, why):
            _must_be(i, step, ActionStatus.UNDOING)
            return _record(i, step, status=ActionStatus.UNDO_FAILED, why=why)
    return None


def _endings(i: Incident, entry: e.Entry) -> Incident | None:
    match entry.event:
        case e.IncidentResolved(why):
            return replace(
                _not_over(i), status=IncidentStatus.RESOLVED, ended_at=entry.at, why=why, memory="", handed_over_at=None
            )
        case e.IncidentEscalated(why):
            return replace(_working(i), status=IncidentStatus.ESCALATED, handed_over_at=entry.at, why=why)
        case e.IncidentFailed(why):
            return replace(_working(i), status=IncidentStatus.FAILED, handed_over_at=entry.at, why=why)
        case e.IncidentSuppressed(why):
            return replace(_working(i), status=IncidentStatus.SUPPRESSED, ended_at=entry.at, why=why)
    return None


def _working(i: Incident) -> Incident:
    if i.status.at_rest:
        raise InvalidTransition(i.id, f"the incident is {i.status} and takes no further steps")
    return i


def _not_over(i: Incident) -> Incident:
    if i.status.over:
        raise InvalidTransition(i.id, f"the incident is {i.status} and takes no further steps")
    return i


def _taken_up(i: Incident, at: datetime) -> Incident:
    """Akeso goes on with an incident that people had been called for; one that it works on stays as it is."""
    if not _not_over(i).status.handed_over:
        return i
    return replace(
        i, reopened_at=at, handed_over_at=None, memory="", mttr=None, verification=None, watches=(), verify_by=None
    )


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
