"""How incidents look from outside: plain dictionaries for JSON."""

from dataclasses import asdict
from datetime import datetime
from math import isnan
from typing import Any

import msgspec

from akeso.domain.detection.anomaly import Alert, Anomaly
from akeso.domain.incident.diagnosis import Hypothesis
from akeso.domain.incident.events import Entry
from akeso.domain.incident.explanation import Claim
from akeso.domain.incident.incident import ActionRecord, Incident
from akeso.domain.renamed import with_old_names
from akeso.engine.codec import encode_event
from akeso.faces.story import describe
from akeso.ports.incident_list import IncidentRow


def incident_view(incident: Incident) -> dict[str, Any]:
    """One incident with everything but its time-line."""
    diagnosis = incident.diagnosis
    best = diagnosis.best if diagnosis else None
    return {
        "id": incident.id,
        "tenant": incident.tenant,
        "status": incident.status.value,
        "severity": incident.severity.name.lower(),
        "service": incident.service,
        "title": incident.title,
        "fault_class": best.fault_class if best else "",
        "confidence": best.confidence if best else None,
        "known": bool(diagnosis and diagnosis.known),
        "onset_at": _time(incident.onset),
        "detected_at": _time(incident.detected_at),
        "updated_at": _time(incident.updated_at),
        "resolved_at": _time(incident.ended_at),
        "mttr_seconds": incident.mttr.total_seconds() if incident.mttr else None,
        "why": incident.why,
        **_attention(incident),
        **_explanation(incident),
        "hypotheses": [_hypothesis(h) for h in diagnosis.hypotheses] if diagnosis else [],
        **with_old_names({"suggested_checks": list(diagnosis.suggested_checks) if diagnosis else []}, "diagnosis"),
        "anomalies": [anomaly_view(a) for a in incident.anomalies],
        "alerts": [alert_view(a) for a in incident.alerts],
        "actions": [action_view(incident, r) for r in incident.actions.values()],
        "outcome": incident.verification.recovery.value if incident.verification else None,
        "verification": incident.verification.statement if incident.verification else "",
    }


def row_view(row: IncidentRow) -> dict[str, Any]:
    """One line of a list: what incident_view says, as far as it needs no time-line."""
    return {
        "id": row.id,
        "tenant": row.tenant,
        "status": row.status.value,
        "severity": row.severity.lower(),
        "service": row.service,
        "title": row.title,
        "fault_class": row.type,
        "confidence": row.confidence,
        "onset_at": _time(row.onset),
        "detected_at": _time(row.detected_at),
        "updated_at": _time(row.updated_at),
        "resolved_at": _time(row.ended_at),
        "mttr_seconds": row.mttr_seconds,
        "why": row.why,
        "acknowledged_by": row.acknowledged_by or None,
        "assignee": row.owner or None,
        "priority": row.priority or None,
    }


def _attention(incident: Incident) -> dict[str, Any]:
    """What people made of it, and how often it came back."""
    a, closing, flaps = incident.attention, incident.attention.closing, incident.flapping
    return {
        "handed_over_at": _time(incident.handed_over_at),
        "acknowledged_by": a.acknowledged_by or None,
        "acknowledged_at": _time(a.acknowledged_at),
        "assignee": a.assignee or None,
        "priority": a.priority.value if a.priority else None,
        "snoozed_until": _time(a.snoozed_until),
        "comments": [{"at": _time(c.at), "by": c.by, "text": c.text} for c in a.comments],
        "closed": closing
        and {
            "at": _time(closing.at),
            "by": closing.by,
            "reason": closing.reason.value,
            "comment": closing.comment,
            "duplicate_of": closing.duplicate_of or None,
        },
        "called": [
            {"at": _time(c.at), "chain": c.chain, "step": c.step + 1, "channels": list(c.channels)} for c in a.called
        ],
        "merged": list(a.merged),
        "split_into": list(a.split_into),
        "reopened": incident.reopened,
        "flapping": f"it flaps: an alert fired {flaps} times" if flaps else None,
    }


def action_view(incident: Incident, record: ActionRecord) -> dict[str, Any]:
    """One step of the plan and what became of it."""
    return {
        "id": record.step.id,
        "incident": incident.id,
        "action": record.step.action,
        "target": record.step.target,
        "parameters": dict(record.step.parameters),
        "status": record.status.value,
        "verdict": record.verdict,
        "policy": record.policy,
        "why": record.why,
        "approvers": list(record.approvers),
        "expires_at": _time(record.expires_at),
        "approved_by": record.approved_by,
        "dry_run": record.dry_run,
        "preview": record.preview,
        "intended_at": _time(record.intended_at),
        "applied_at": _time(record.applied_at),
        "detail": record.detail,
    }


def entry_view(entry: Entry) -> dict[str, Any]:
    """One journal line. text: in words; empty when it tells a person nothing new."""
    kind, payload = encode_event(entry.event)
    event = msgspec.json.decode(payload)
    return {
        "sequence": entry.sequence,
        "incident": entry.incident,
        "at": _time(entry.at),
        "actor": entry.actor,
        "kind": kind,
        "event": _with_old_names(event),
        "text": describe(kind, event),
        "hash": entry.hash,
    }


def _with_old_names(event: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(diagnosis := event.get("diagnosis"), dict):
        return event
    return event | {"diagnosis": with_old_names(diagnosis, "diagnosis")}


def _explanation(incident: Incident) -> dict[str, Any]:
    """The words of the reasoner that took its time; until it has spoken, those that came with the diagnosis."""
    diagnosis, later = incident.diagnosis, incident.explanation
    claims = later.claims if later else diagnosis.claims if diagnosis else ()
    return {
        "explanation": later.text if later else diagnosis.explanation if diagnosis else "",
        "explained_by": later.reasoner if later else "",
        "explanation_note": later.note if later else "",
        "claims": [_claim(c) for c in claims],
        "proposals": [_claim(c) for c in later.proposals] if later else [],
        "claims_dropped": later.dropped if later else 0,
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {"text": claim.text, "citations": [asdict(c) for c in claim.citations]}


def _hypothesis(h: Hypothesis) -> dict[str, Any]:
    return {
        "service": h.service,
        "fault_class": h.fault_class,
        "confidence": h.confidence,
        "cause": {"kind": h.cause.kind.value, "first": h.cause.first, "then": h.cause.then} if h.cause else None,
        "evidence": [
            {"provider": e.provider, "statement": e.statement, "weight": e.weight, "numbers": dict(e.numbers)}
            for e in h.evidence
        ],
    }


def anomaly_view(a: Anomaly) -> dict[str, Any]:
    """One anomaly."""
    return {
        "id": a.id,
        "service": a.service,
        "metric": a.key.metric,
        "stat": a.key.stat,
        "attributes": dict(a.key.attributes),
        "unit": a.key.unit,
        "signal": a.signal.name.lower(),
        "onset_at": _time(a.onset),
        "detected_at": _time(a.detected_at),
        "score": a.score,
        "observed": a.observed,
        "expected": a.expected,
        "detectors": list(a.detectors),
        "p_value": None if isnan(a.p_value) else a.p_value,
    }


def alert_view(a: Alert) -> dict[str, Any]:
    """One alert."""
    return {
        "fingerprint": a.fingerprint,
        "source": a.source,
        "service": a.service,
        "title": a.title,
        "severity": a.severity.name.lower(),
        "status": a.status.value,
        "starts_at": _time(a.starts_at),
        "ends_at": _time(a.ends_at),
        "labels": dict(a.labels),
        "annotations": dict(a.annotations),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
