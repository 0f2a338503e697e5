"""Advance: what to do next about an incident.

Pure and without memory: the fold, the time and what is seen of the symptoms decide. After a crash the same function
goes on where the journal ends, so there is no second path for recovery.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from akeso.domain.detection.anomaly import AlertStatus
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.outcome import Recovery
from akeso.stages.healing.guards import PASSING
from akeso.stages.healing.moves import (
    AskVerdict,
    BeginVerification,
    Diagnose,
    Escalate,
    Execute,
    ExpireApproval,
    Learn,
    Look,
    MakePlan,
    Move,
    Nothing,
    Preview,
    RequestApproval,
    Resolve,
    TryNext,
    Undo,
    Verify,
    Wait,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AdvanceOptions:
    """When an incident takes its next step.

    initial_delay: from detection to the first diagnosis; more anomalies arrive meanwhile.
    sure: a confidence with which a diagnosis needs no second look.
    unsure: below this confidence a diagnosis is repeated without new anomalies, because more of the same telemetry
        tells
        more.
    recheck_interval: how long a diagnosis that is not sure waits for new anomalies. A refusal that passes by itself is
        asked about again as often.
    early: how long after detection an unsure diagnosis is repeated at most.
    early_diagnoses: how many diagnoses are made for this reason at most.
    unknown_timeout: how long an incident of unknown cause is watched, or a passing refusal waited out, before people
        are
        called.
    self_recovery_hold: when all symptoms are gone for so long before anything was done, healing holds off.
    resolves: when they are gone for so long before anything was done, the incident is resolved.
    relieved: when they are gone for so long after people were called, it is resolved; alerts need only `resolves`.
    flapping: how long an incident whose alerts flap must be quiet before it is resolved.
    plans: how many plans are made at most.
    attempts: how often an effect that did not take place is tried.
    look_after: how long after an interrupted effect was intended its outcome is looked up.
    dry_run: nothing is executed that no person approved for real.
    approvers: roles that are asked for approval.
    expiry: how long a request for approval stands.
    """

    initial_delay: timedelta = timedelta(seconds=2.5)
    sure: float = 0.75
    unsure: float = 0.6
    recheck_interval: timedelta = timedelta(seconds=2)
    early: timedelta = timedelta(seconds=8)
    early_diagnoses: int = 3
    unknown_timeout: timedelta = timedelta(seconds=60)
    self_recovery_hold: timedelta = timedelta(seconds=1)
    resolves: timedelta = timedelta(seconds=6)
    relieved: timedelta = timedelta(minutes=1)
    flapping: timedelta = timedelta(minutes=10)
    plans: int = 2
    attempts: int = 2
    look_after: timedelta = timedelta(seconds=1)
    dry_run: bool = field(default=True, metadata={"set_at": "dry_run"})
    approvers: tuple[str, ...] = ("approver", "admin")
    expiry: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class View:
    """What is known besides the fold. quiet: for how long all symptoms have been back to normal (0: they are not, or
    nobody can tell); reversible: names of the actions that can be undone."""

    now: datetime
    quiet: timedelta = timedelta(0)
    reversible: frozenset[str] = field(default_factory=frozenset)


_INTERRUPTED = (ActionStatus.INTENDED, ActionStatus.UNDOING)
_WAITING = (ActionStatus.ASKED, ActionStatus.PREVIEWED)
# The effect is, or may be, in the world.
_EFFECTIVE = (ActionStatus.APPLIED, ActionStatus.UNKNOWN, ActionStatus.UNDO_FAILED)
_HAPPENED = (*_EFFECTIVE, *_INTERRUPTED, ActionStatus.UNDONE)


def next_move(incident: Incident, view: View, options: AdvanceOptions) -> Move:
    """The one thing to do now. Repeated with the fold it leads to, it ends in `Nothing`."""
    interrupted = next((r for r in incident.actions.values() if r.status in _INTERRUPTED), None)
    if interrupted is not None:
        return _look(interrupted, view, options)
    if incident.status.at_rest:
        return _at_rest(incident, view, options)
    if (until := incident.attention.snoozed_until) is not None and until > view.now and incident.verify_by is None:
        return _snoozed(incident, view, options, until)
    if touched(incident):
        return _course(incident, view, options)
    if view.quiet >= _settled(incident, options):
        return Resolve("recovered by itself: nothing was done")
    move = _course(incident, view, options)
    if view.quiet >= options.self_recovery_hold and not isinstance(move, Wait | Escalate | ExpireApproval):
        # The symptoms are going away by themselves; touching the service now could only disturb that.
        return Wait(view.now + _settled(incident, options) - view.quiet)
    return move


def touched(incident: Incident) -> bool:
    """Whether any effect of this incident took place, or may have."""
    return any(r.status in _HAPPENED for r in incident.actions.values())


def all_clear(incident: Incident) -> bool:
    """Whether every alert of the incident was called off by its sender; True when it has none."""
    return all(a.status is AlertStatus.RESOLVED for a in incident.alerts)


def _settled(incident: Incident, options: AdvanceOptions) -> timedelta:
    return options.flapping if incident.flapping else options.resolves


def _at_rest(incident: Incident, view: View, options: AdvanceOptions) -> Move:
    if incident.status is IncidentStatus.SUPPRESSED:
        return Nothing()
    if not incident.memory:
        return Learn()
    settled = max(options.relieved if incident.anomalies else options.resolves, _settled(incident, options))
    if incident.status.handed_over and view.quiet >= settled:
        return Resolve(_relieved(incident))
    return Nothing()


def _relieved(incident: Incident) -> str:
    gone = "the alerts ended" if not incident.anomalies else "the symptoms are gone"
    if touched(incident):
        return f"{gone} after people were called; nobody verified what helped"
    return f"{gone} after people were called: by itself or by hand, Akeso did nothing"


def _snoozed(incident: Incident, view: View, options: AdvanceOptions, until: datetime) -> Move:
    if view.quiet >= _settled(incident, options) and not touched(incident):
        return Resolve("recovered by itself: nothing was done")
    asked = next((r for r in _records(incident) if r.status in _WAITING and r.expires_at is not None), None)
    if asked is not None and asked.expires_at is not None and view.now >= asked.expires_at:
        return ExpireApproval(asked.step)
    return Wait(until)


def _look(record: ActionRecord, view: View, options: AdvanceOptions) -> Move:
    # A request that was under way when the process died may still reach the target a moment later.
    ready = (record.intended_at or view.now) + options.look_after
    return Look(record.step) if view.now >= ready else Wait(ready)


def _course(i: Incident, view: View, options: AdvanceOptions) -> Move:
    if i.verify_by is not None:
        return _verified(i, view)
    if i.diagnosis is None or i.analysis_due:
        settled = i.taken_up_at + options.initial_delay
        return Diagnose() if view.now >= settled else Wait(settled)
    if i.plan_due:
        return _to_a_plan(i, view, options)
    if i.current_option is None:
        return _out_of_options(i, view, options)
    return _option(i, view, options)


def _to_a_plan(i: Incident, view: View, options: AdvanceOptions) -> Move:
    diagnosis = i.diagnosis
    assert diagnosis is not None
    if not diagnosis.known or diagnosis.best is None:
        return _unknown(i, view, options, "the cause is unknown")
    if diagnosis.best.confidence >= options.sure or touched(i):
        return MakePlan()
    return _second_look(i, view, options) or MakePlan()


def _second_look(i: Incident, view: View, options: AdvanceOptions) -> Move | None:
    made = i.diagnosed_at or i.detected_at
    end = min(made + options.recheck_interval, i.taken_up_at + options.early)
    if i.diagnoses >= options.early_diagnoses:
        return None
    if view.now < end:
        return Wait(end)
    assert i.diagnosis is not None
    best = i.diagnosis.best
    return Diagnose() if _news(i, made) or best is None or best.confidence < options.unsure else None


def _unknown(i: Incident, view: View, options: AdvanceOptions, why: str) -> Move:
    made = i.diagnosed_at or i.detected_at
    give_up = i.taken_up_at + options.unknown_timeout
    if view.now >= give_up or touched(i):
        return Escalate(f"{why} after {_seconds(view.now - i.taken_up_at)} of watching")
    # Twice as long from look to look; sooner when there is something new to look at.
    pause = options.recheck_interval * (1 if _news(i, made) else 2 ** max(0, i.diagnoses - 1))
    again = min(made + pause, give_up)
    return Diagnose() if view.now >= again else Wait(again)


def _news(i: Incident, since: datetime) -> bool:
    return any(a.detected_at > since for a in i.anomalies) or any(a.starts_at > since for a in i.alerts)


def _out_of_options(i: Incident, view: View, options: AdvanceOptions) -> Move:
    assert i.plan is not None
    if i.plan.empty and not touched(i):
        return _unknown(i, view, options, f"no playbook fits {i.service}")
    tried = touched(i)
    if tried and i.plans < options.plans:
        return Diagnose()
    if tried:
        return Escalate(f"{_said(i)}; no way of healing is left")
    return Escalate(f"{_said(i)}; nothing was done")


def _said(i: Incident) -> str:
    return i.why or "no way of healing was found"


def _option(i: Incident, view: View, options: AdvanceOptions) -> Move:
    for record in _records(i):
        match record.status:
            case ActionStatus.APPLIED:
                continue
            case ActionStatus.PROPOSED:
                return AskVerdict(record.step)
            case ActionStatus.ALLOWED:
                return _allowed(record, options)
            case ActionStatus.ASKED | ActionStatus.PREVIEWED:
                return _asked(record, view, options)
            case ActionStatus.FAILED if record.attempts < options.attempts:
                return AskVerdict(record.step)
            case ActionStatus.DENIED if record.policy in PASSING and view.now < i.taken_up_at + options.unknown_timeout:
                again = (record.denied_at or view.now) + options.recheck_interval
                return AskVerdict(record.step) if view.now >= again else Wait(again)
            case _:
                return _blocked(i, record)
    return BeginVerification() if _records(i) else TryNext("it has no steps")


def _records(i: Incident) -> list[ActionRecord]:
    option = i.current_option
    return [i.actions[s.id] for s in option.steps] if option else []


def _allowed(record: ActionRecord, options: AdvanceOptions) -> Move:
    if record.approved_by and record.dry_run:
        return Preview(record.step)
    if not record.verdict:
        return AskVerdict(record.step)
    if options.dry_run and not record.approved_by:
        return RequestApproval(record.step)
    return Execute(record.step, record.policy, f"{record.step.id}-a{record.attempts + 1}")


def _asked(record: ActionRecord, view: View, options: AdvanceOptions) -> Move:
    if record.expires_at is None:
        return RequestApproval(record.step)
    if view.now >= record.expires_at:
        return ExpireApproval(record.step)
    if options.dry_run and record.status is ActionStatus.ASKED:
        return Preview(record.step)
    return Wait(record.expires_at)


def _blocked(i: Incident, record: ActionRecord) -> Move:
    if any(r.status in _EFFECTIVE for r in _records(i)):
        return BeginVerification()
    if record.status is ActionStatus.EXPIRED:
        return Escalate(f"{record.step.action} of {record.step.target}: {record.why}")
    said = f"{record.step.action} of {record.step.target} was {record.status}: {record.why}"
    # Somebody is at it, and knows what Akeso does not: what else it would try, it tries when it is asked to.
    return Escalate(said) if record.status is ActionStatus.REJECTED else TryNext(said)


def _verified(i: Incident, view: View) -> Move:
    if i.verification is None:
        return Verify()
    said = i.verification.statement
    match i.verification.recovery:
        case Recovery.RECOVERED:
            return Resolve(said)
        case Recovery.UNKNOWN:
            return Escalate(f"nobody can tell whether it helped: {said}")
        case Recovery.NOT_RECOVERED:
            return _take_back(i, view, said)


def _take_back(i: Incident, view: View, said: str) -> Move:
    for record in _records(i):
        if record.status is ActionStatus.UNKNOWN:
            return Escalate(f"nobody can tell whether {record.step.action} took place ({record.why}), and {said}")
        if record.status is ActionStatus.UNDO_FAILED:
            return Escalate(f"{record.step.action} of {record.step.target} could not be undone: {record.why}")
    undoable = next(_undoable(i, view), None)
    if undoable is not None:
        return Undo(undoable.step, f"{undoable.key}-undo")
    return TryNext(f"it did not help: {said}")


def _undoable(i: Incident, view: View) -> Iterator[ActionRecord]:
    for record in reversed(_records(i)):
        if record.status is ActionStatus.APPLIED and record.step.action in view.reversible:
            yield record


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"
