"""Journal events in words."""

from collections.abc import Callable, Mapping
from typing import Any


def describe(kind: str, event: Mapping[str, Any]) -> str:
    """One line on a journal event; empty for events that tell a person nothing new."""
    writer = _LINES.get(kind)
    return writer(event) if writer else ""


def _diagnosed(e: Mapping[str, Any]) -> str:
    hypotheses = e["diagnosis"]["hypotheses"]
    if not hypotheses:
        return "diagnosed: unknown"
    best = hypotheses[0]
    return f"diagnosed: {best['service']}, {best['fault_class']} ({best['confidence']:.0%})"


def _explained(e: Mapping[str, Any]) -> str:
    said = e["explanation"]
    note = said.get("note", "")
    told = f"explained by {said['reasoner']}, {len(said.get('claims', ()))} claims"
    return told + (f" ({note})" if note else "")


def _planned(e: Mapping[str, Any]) -> str:
    options = e["plan"]["options"]
    steps = "; else ".join(" then ".join(f"{s['action']} {s['target']}" for s in o["steps"]) for o in options)
    return f"planned: {steps}" if options else "planned: nothing can be done"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


_LINES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "IncidentDetected": lambda e: f"detected: {e['title']}",
    "AlertAttached": lambda e: f"alert: {e['alert']['title']}",
    "AlertCleared": lambda _: "an alert is over",
    "AlertFiredAgain": lambda e: f"fires again: {e['alert']['title']}",
    "AnalysisStarted": lambda e: f"analysis asked for by {e['by']}" if e.get("by") else "",
    "DiagnosisMade": _diagnosed,
    "ExplanationGiven": _explained,
    "PlanMade": _planned,
    "PolicyDecided": lambda e: f"policy: {e['verdict']} by {e['policy']}" + (f" ({e['why']})" if e.get("why") else ""),
    "ApprovalRequested": lambda e: f"waiting for approval by {', '.join(e['approvers']) or 'a person'}",
    "ApprovalGranted": lambda e: f"approved by {e['by']}" + (" (dry run)" if e["dry_run"] else ""),
    "ApprovalRejected": lambda e: f"rejected by {e['by']}" + _because(e.get("reason")),
    "ApprovalExpired": lambda _: "approval expired",
    "ActionPreviewed": lambda e: f"dry run: {e['preview']}",
    "ActionIntended": lambda e: f"acting: {e['step']}",
    "ActionApplied": lambda e: f"applied: {e.get('detail') or e['step']}",
    "ActionNotApplied": lambda e: f"not applied: {e['why']}",
    "ActionUncertain": lambda e: f"unknown whether applied: {e['why']}",
    "UndoIntended": lambda e: f"undoing {e['step']}",
    "ActionUndone": lambda e: f"undone: {e.get('detail') or e['step']}",
    "UndoFailed": lambda e: f"undo failed: {e['why']}",
    "VerificationStarted": lambda e: f"verifying {len(e['watches'])} symptoms",
    "VerificationMade": lambda e: f"verified: {e['recovery']}; {e['statement']}",
    "OptionAbandoned": lambda e: f"given up: {e['why']}",
    "IncidentResolved": lambda e: f"resolved: {e['why']}",
    "IncidentEscalated": lambda e: f"escalated: {e['why']}",
    "IncidentFailed": lambda e: f"failed: {e['why']}",
    "IncidentSuppressed": lambda e: f"suppressed: {e['why']}",
    "LessonLearned": lambda e: (
        f"learned; time to repair {e['mttr_seconds']:.1f} s" if e.get("mttr_seconds") is not None else "learned"
    ),
    "EffectsSuspended": lambda e: f"effects suspended by {e['by']}" + _because(e.get("reason")),
    "EffectsResumed": lambda e: f"effects resumed by {e['by']}",
    "IncidentAcknowledged": lambda e: f"acknowledged by {e['by']}" + _because(e.get("comment")),
    "IncidentAssigned": lambda e: f"assigned by {e['by']} to {e['to'] or 'nobody'}",
    "IncidentCommented": lambda e: f"{e['by']}: {e['text']}",
    "IncidentSnoozed": lambda e: f"snoozed by {e['by']} until {e['until']}" + _because(e.get("reason")),
    "PrioritySet": lambda e: f"priority {e['priority']}, set by {e['by']}",
    "IncidentClosed": lambda e: (
        f"closed by {e['by']}: {e['reason'].replace('_', ' ')}"
        + (f" of {e['duplicate_of']}" if e.get("duplicate_of") else "")
        + _because(e.get("comment"))
    ),
    "IncidentReopened": lambda e: f"re-opened by {e['by']}" + _because(e.get("why")),
    "IncidentMerged": lambda e: f"{e['source']} merged into this by {e['by']}",
    "IncidentSplit": lambda e: f"split by {e['by']}: {', '.join(e['services'])} went to {e['into']}",
    "RejectionLifted": lambda e: f"{e['by']} took the rejection of {e['step']} back" + _because(e.get("reason")),
    "PeopleCalled": lambda e: (
        f"called, step {e['step'] + 1} of {e['chain']}: {', '.join(e['channels']) or 'nobody'}" + _because(e.get("why"))
    ),
    "AnswerRefused": lambda e: f"an answer in {e['channel']} by {e['by'] or 'nobody known'} did not count: {e['why']}",
    "FeedbackGiven": lambda e: f"feedback by {e['by']}: {'helpful' if e['helpful'] else 'not helpful'}",
}
