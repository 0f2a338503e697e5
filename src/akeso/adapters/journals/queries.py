"""What people ask the projections."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Select, case, func, select

from akeso.adapters.journals import tables as t
from akeso.domain.incident.incident import ActionStatus, IncidentStatus
from akeso.domain.incident.outcome import Recovery


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A step that waits for a person with one of the roles `approvers`."""

    incident: str
    step: str
    service: str
    action: str
    approvers: tuple[str, ...]
    requested_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what and when; sequence: the journal line."""

    sequence: int
    at: datetime
    actor: str
    what: str
    incident: str
    detail: str


@dataclass(frozen=True, slots=True)
class Mttr:
    """Time to repair over resolved incidents, in seconds; None without any."""

    resolved: int
    mean: float | None = None
    median: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How often an action was tried against a class of fault, and how often that ended in recovery."""

    fault_class: str
    action: str
    tried: int
    recovered: int


_AUDIT = tuple(t.audit_log.c[name] for name in AuditLine.__slots__)


def pending_approvals(at: datetime) -> Select[*tuple[Any, ...]]:
    """Those that expire first come first."""
    a, h, i = t.approvals, t.healing_actions, t.incidents
    waiting = (ActionStatus.ASKED.value, ActionStatus.PREVIEWED.value)
    return (
        select(
            a.c.incident, a.c.step, h.c.service, h.c.proposed_action, a.c.approvers, a.c.requested_at, a.c.expires_at
        )
        .join(h, (h.c.incident == a.c.incident) & (h.c.step == a.c.step))
        .join(i, i.c.id == a.c.incident)
        .where(a.c.decision == "PENDING", a.c.expires_at > at, h.c.status.in_(waiting), i.c.open)
        .order_by(a.c.expires_at, a.c.incident, a.c.step)
    )


def acted_upon(effects_since: datetime, rejections_since: datetime) -> CompoundSelect[str]:
    """Each id once."""
    h, a = t.healing_actions, t.approvals
    acted = select(h.c.incident).where(h.c.executed_at >= effects_since)
    rejected = select(a.c.incident).where(a.c.decision == "REJECTED", a.c.decided_at >= rejections_since)
    return acted.union(rejected)


def audit(limit: int, after: int) -> Select[*tuple[Any, ...]]:
    """Oldest first."""
    return select(*_AUDIT).where(t.audit_log.c.sequence > after).order_by(t.audit_log.c.sequence).limit(limit)


def repair_times(since: datetime | None, tenant: str | None) -> Select[float | None]:
    i = t.incidents
    chosen = select(i.c.mttr_seconds).where(i.c.status == IncidentStatus.RESOLVED.value, i.c.mttr_seconds.is_not(None))
    chosen = chosen if tenant is None else chosen.where(i.c.tenant == tenant)
    return chosen if since is None else chosen.where(i.c.detected_at >= since)


def statuses(tenant: str) -> Select[str, int]:
    i = t.incidents
    return select(i.c.status, func.count()).where(i.c.tenant == tenant).group_by(i.c.status).order_by(i.c.status)


def judged(tenant: str) -> Select[str]:
    f, i = t.feedback, t.incidents
    chosen = select(f.c.incident).join(i, i.c.id == f.c.incident).where(i.c.tenant == tenant)
    return chosen.group_by(f.c.incident).order_by(func.min(f.c.sequence))


def outcomes(tenant: str) -> Select[str, str, int, int]:
    """What memory holds, the most tried first."""
    m = t.memory_chunks
    recovered = func.sum(case((m.c.recovery == Recovery.RECOVERED.value, 1), else_=0))
    return (
        select(m.c.fault_class, m.c.action, func.count(), recovered)
        .where(m.c.tenant == tenant, m.c.action != "")
        .group_by(m.c.fault_class, m.c.action)
        .order_by(func.count().desc(), m.c.fault_class, m.c.action)
    )


def summary(seconds: Sequence[float]) -> Mttr:
    if not seconds:
        return Mttr(0)
    ranked = sorted(seconds)
    p95 = ranked[min(len(ranked) - 1, round(0.95 * (len(ranked) - 1)))]
    return Mttr(len(ranked), statistics.fmean(ranked), statistics.median(ranked), p95)
