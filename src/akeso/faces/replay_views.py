"""How a replay looks from outside: plain dictionaries for JSON."""

from dataclasses import asdict
from typing import Any

from akeso.composition.replay import ReplayReport
from akeso.domain.incident.incident import Incident
from akeso.domain.messages import Decision
from akeso.faces.api.views import action_view, anomaly_view, incident_view


def report_view(report: ReplayReport) -> dict[str, Any]:
    """A replay as JSON."""
    return {
        **asdict(report.played),
        "recorded_s": round(report.recorded_s, 3),
        "wall_s": round(report.wall_s, 3),
        "cpu_s": round(report.cpu_s, 3),
        "speed": round(report.speed, 1),
        "slots": report.slots,
        "anomalies_raised": report.raised,
        "incidents": [_incident(incident, report) for incident in report.incidents],
    }


def _incident(incident: Incident, report: ReplayReport) -> dict[str, Any]:
    told = {"id", "tenant", "status", "severity", "service", "title", "fault_class", "confidence", "known"}
    told |= {"onset_at", "detected_at", "resolved_at", "why", "hypotheses"}
    view = {name: value for name, value in incident_view(incident).items() if name in told}
    return view | {"would_do": [_step(incident, step, report) for step in incident.actions]}


def _step(incident: Incident, step: str, report: ReplayReport) -> dict[str, Any]:
    told = ("id", "action", "target", "parameters", "status", "verdict", "policy", "why", "approvers", "preview")
    view = action_view(incident, incident.actions[step])
    at = report.would_act.get(step)
    return {name: view[name] for name in told} | {"would_act_at": at.isoformat() if at else None}


def decision_view(decision: Decision) -> dict[str, Any]:
    """What changed with one slot."""
    cleared = [[key.tenant, key.service, key.metric, dict(key.attributes), key.stat] for key in decision.cleared]
    return {"end": decision.end, "raised": [anomaly_view(a) for a in decision.raised], "cleared": cleared}
