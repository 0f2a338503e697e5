"""What an incident teaches: a memory to find it by, and how well its actions worked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.incident.diagnosis import UNKNOWN
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.memory import Memory
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.person_events import CloseReason

_TRIED = frozenset({ActionStatus.APPLIED, ActionStatus.UNDONE, ActionStatus.UNDO_FAILED, ActionStatus.UNKNOWN})


def signature(anomalies: Iterable[Anomaly]) -> tuple[str, ...]:
    """Sorted words "service:signal", each once: what an incident looked like."""
    return tuple(sorted({f"{a.service}:{a.signal.name.lower()}" for a in anomalies}))


def describe(incident: Incident) -> str:
    """The incident as text to search: what was seen first, then what was found. No ids or times, which never recur."""
    best = incident.diagnosis.best if incident.diagnosis is not None else None
    alerts = sorted({a.title for a in incident.alerts})
    parts = [incident.title, " ".join(signature(incident.anomalies)), *alerts]
    if best is not None:
        parts.append(f"{best.fault_class} of {best.service}")
        parts.extend(e.statement for e in best.evidence[:3])
    return ". ".join(part for part in parts if part)


def learn(incident: Incident, at: datetime) -> Memory:
    """The memory of an incident that ended. Its id is the incident's: learning twice remembers once."""
    best = incident.diagnosis.best if incident.diagnosis is not None and incident.diagnosis.known else None
    done = tried(incident)
    return Memory(
        id=incident.id,
        tenant=incident.tenant,
        incident=incident.id,
        at=at,
        service=best.service if best is not None else incident.service,
        fault_class=best.fault_class if best is not None else UNKNOWN,
        signature=signature(incident.anomalies),
        text=describe(incident),
        action=done[-1].step.action if done else "",
        recovery=_recovery(incident),
        mttr_seconds=mttr_seconds(incident),
    )


def mttr_seconds(incident: Incident) -> float | None:
    """Detection to the end, in seconds; None when the incident was not resolved."""
    if incident.ended_at is None or not (incident.status is IncidentStatus.RESOLVED or _fixed(incident)):
        return None
    return (incident.ended_at - incident.detected_at).total_seconds()


def _fixed(incident: Incident) -> bool:
    closing = incident.attention.closing
    return closing is not None and closing.reason is CloseReason.FIXED_BY_HAND


def tried(incident: Incident) -> tuple[ActionRecord, ...]:
    """What was really done, in the order in which it was."""
    done = [r for r in incident.actions.values() if r.status in _TRIED and not r.dry_run and r.intended_at is not None]
    return tuple(sorted(done, key=lambda r: r.intended_at or incident.detected_at))


def outcomes(incident: Incident) -> Mapping[tuple[str, str], tuple[int, int]]:
    """(fault class, action) → (recoveries, tries) of this incident.

    Only the last action gets the credit for a recovery; those before it had their chance.
    """
    memory = learn(incident, incident.updated_at)
    counts: Counter[tuple[str, str]] = Counter((memory.fault_class, r.step.action) for r in tried(incident))
    helped = memory.recovery is Recovery.RECOVERED
    last = (memory.fault_class, memory.action)
    return {key: (1 if helped and key == last else 0, number) for key, number in counts.items()}


def _recovery(incident: Incident) -> Recovery:
    if incident.verification is not None:
        return incident.verification.recovery
    # Nothing was verified: nothing was done, or it went away by itself. Neither tells whether anything helps.
    return Recovery.UNKNOWN
