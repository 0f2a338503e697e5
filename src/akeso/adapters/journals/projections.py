"""From a journal line and the incident after it to the rows of the projections."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from sqlalchemy import Table, Update, and_, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import tables as t
from akeso.adapters.journals.finding import make_findable
from akeso.adapters.journals.wording import clean
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.plan import Step

_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Row:
    """What a row shall hold. Where none has `key`, one is inserted, with what is `fixed` from then on."""

    table: Table
    key: dict[str, Any]
    values: dict[str, Any]
    fixed: dict[str, Any] | None = None

    async def bring(self, connection: AsyncConnection) -> None:
        found = await connection.execute(self._update()) if self.values else None
        if found is None or found.rowcount == 0:
            await connection.execute(insert(self.table).values(**self.key, **(self.fixed or {}), **self.values))

    def _update(self) -> Update:
        match_key = and_(*(self.table.c[name] == value for name, value in self.key.items()))
        return update(self.table).where(match_key).values(**self.values)


async def project(connection: AsyncConnection, entry: e.Entry, state: Incident | None) -> None:
    """Bring every projection up to `entry`; `state` is the incident after it."""
    if isinstance(entry.event, e.ApprovalRequested):
        # Asked again: the earlier question and its answer are history, and the journal keeps them.
        stale = and_(t.approvals.c.incident == entry.incident, t.approvals.c.step == entry.event.step)
        await connection.execute(delete(t.approvals).where(stale))
    for row in rows(entry, state):
        await row.bring(connection)
    if state is not None:
        await make_findable(connection, entry.event, state)


def rows(entry: e.Entry, state: Incident | None) -> Iterator[Row]:
    """Every row that `entry` changes."""
    yield _audit(entry)
    if state is not None:
        yield incident_row(state, entry.sequence)
        yield from (_action(state.id, state.actions[step]) for step in _steps(entry.event) if step in state.actions)
    yield from _answers(entry)


def _steps(event: e.Event) -> list[str]:
    if isinstance(event, e.PlanMade):
        return [step.id for option in event.plan.options for step in option.steps]
    step = getattr(event, "step", None)
    return [step] if isinstance(step, str) else []


def _audit(entry: e.Entry) -> Row:
    words = (str(getattr(entry.event, name, "")) for name in ("step", "verdict", "by", "why", "statement", "reason"))
    values = {
        "at": entry.at,
        "actor": clean(entry.actor),
        "what": type(entry.event).__name__,
        "incident": clean(entry.incident),
        "detail": clean(" · ".join(word for word in words if word))[:_DETAIL],
    }
    return Row(t.audit_log, {"sequence": entry.sequence}, {}, values)


def incident_row(state: Incident, sequence: int) -> Row:
    """An incident; `sequence` is that of its last line, and of its first where it has no row yet."""
    best = state.diagnosis.best if state.diagnosis else None
    return Row(
        t.incidents,
        {"id": state.id},
        {
            "tenant": clean(state.tenant),
            "service": clean(state.service),
            "type": clean(best.fault_class) if best else "",
            "title": clean(state.title),
            "severity": state.severity.name,
            "severity_rank": int(state.severity),
            "status": state.status.value,
            "open": not state.status.over,
            "confidence": best.confidence if best else None,
            "onset": state.onset,
            "detected_at": state.detected_at,
            "updated_at": state.updated_at,
            "ended_at": state.ended_at,
            "resolved_at": _resolved_at(state),
            "mttr_seconds": _mttr(state),
            "metrics_snapshot": _snapshot(state),
            "why": clean(state.why),
            "sequence": sequence,
            "owner": clean(state.attention.assignee),
            "acknowledged_by": clean(state.attention.acknowledged_by),
            "priority": state.attention.priority.value if state.attention.priority else "",
        },
        {"number": sequence},
    )


def _resolved_at(state: Incident) -> datetime | None:
    return state.ended_at if state.status is IncidentStatus.RESOLVED else None


def _mttr(state: Incident) -> float | None:
    if state.mttr is not None:
        return state.mttr.total_seconds()
    resolved = _resolved_at(state)
    return (resolved - state.detected_at).total_seconds() if resolved else None


def _snapshot(state: Incident) -> list[dict[str, Any]]:
    return [
        {
            "service": clean(a.service),
            "metric": clean(a.key.metric),
            "stat": clean(a.key.stat),
            "signal": a.signal.name.lower(),
            "unit": clean(a.key.unit),
            **{n: v if isfinite(v) else None for n, v in (("observed", a.observed), ("expected", a.expected))},
        }
        for a in state.anomalies
    ]


def _action(incident: str, record: ActionRecord) -> Row:
    decision = _decision(record)
    return Row(
        t.healing_actions,
        {"incident": incident, "step": record.step.id},
        {
            "service": clean(record.step.target),
            "agl_decision": decision,
            "policy": clean(record.policy),
            "approved_action": in_words(record.step) if decision in {"APPROVED", "MODIFIED"} else None,
            "status": record.status.value,
            "executed_at": record.applied_at or record.intended_at,
            "result": clean(record.detail or record.why or record.preview),
        },
        {"proposed_action": in_words(record.step)},
    )


def _decision(record: ActionRecord) -> str:
    match record.status:
        case ActionStatus.PROPOSED | ActionStatus.ASKED | ActionStatus.PREVIEWED:
            return "PENDING"
        case ActionStatus.DENIED | ActionStatus.REJECTED | ActionStatus.EXPIRED:
            return "DENIED"
    return "MODIFIED" if record.verdict == "modify" else "APPROVED"


def _answers(entry: e.Entry) -> Iterator[Row]:
    match entry.event:
        case e.ApprovalRequested(step, approvers, expires_at):
            asked = {"approvers": list(approvers), "requested_at": entry.at, "expires_at": expires_at}
            yield _approval(entry, step, decision="PENDING", **asked)
        case e.ApprovalGranted(step, by, role, dry_run, comment):
            # A dry run answers with a preview; whether it may be done is still to be said.
            said = {"decided_by": clean(by), "role": role, "decided_at": entry.at, "comment": clean(comment)}
            yield _approval(entry, step, decision="PENDING" if dry_run else "APPROVED", **said)
        case e.ApprovalRejected(step, by, role, reason):
            said = {"decided_by": clean(by), "role": role, "decided_at": entry.at, "comment": clean(reason)}
            yield _approval(entry, step, decision="REJECTED", **said)
        case e.ApprovalExpired(step):
            yield _approval(entry, step, decision="EXPIRED", decided_at=entry.at)
        case e.FeedbackGiven(by, helpful, service, fault_class, comment):
            given = {
                "incident": entry.incident, "at": entry.at, "given_by": clean(by), "helpful": helpful,
                "service": clean(service), "fault_class": clean(fault_class), "comment": clean(comment),
            }  # fmt: skip
            yield Row(t.feedback, {"sequence": entry.sequence}, {}, given)
        case e.EffectsSuspended(by, reason):
            yield configured("effects", "suspended", entry.at, by, reason)
        case e.EffectsResumed(by):
            yield configured("effects", "running", entry.at, by, "")


def _approval(entry: e.Entry, step: str, **values: Any) -> Row:
    # Answered without having been asked: then there is no request to show, only the answer.
    unasked = {"approvers": [], "requested_at": entry.at, "expires_at": entry.at}
    fixed = {name: value for name, value in unasked.items() if name not in values}
    return Row(t.approvals, {"incident": entry.incident, "step": step}, values, fixed)


def configured(name: str, value: str, at: datetime, by: str, reason: str) -> Row:
    """A line of the configuration's history."""
    change = {"name": clean(name), "value": clean(value), "at": at, "changed_by": clean(by), "reason": clean(reason)}
    return Row(t.config_history, {}, {}, change)


def in_words(step: Step) -> str:
    """A step as one line: restart(cart, grace=5)."""
    parameters = "".join(f", {name}={value}" for name, value in sorted(step.parameters.items()))
    return clean(f"{step.action}({step.target}{parameters})")
