"""Guards that no policy can switch off. Pure: what they need to know is given to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus, recovered
from akeso.domain.incident.plan import Step
from akeso.domain.incident.verdict import Deny
from akeso.stages.healing.rejections import Rejection, RejectionOptions, holds

SUSPENDED = "guard:suspended"
COOL_DOWN = "guard:cool-down"
BUDGET = "guard:budget"
REPEAT = "guard:repeat"
CONCURRENCY = "guard:concurrency"
MINIMUM_HEALTHY = "guard:minimum-healthy"
PRE_STATE = "guard:pre-state"
REJECTED = "guard:rejected"
DONE = "guard:done-meanwhile"
RECURRENCE = "guard:recurrence"
PASSING = frozenset({COOL_DOWN, CONCURRENCY})  # these refusals pass by themselves, soon
TEMPORARY = PASSING | {SUSPENDED}  # and this one by a resume
FOR_PEOPLE = frozenset({RECURRENCE})  # these leave the decision to a person


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """Limits that hold before every effect, whatever the policy says.

    cool_down: time between two effects of the same action on the same target.
    budget: effects that a target may get within `budget_window`.
    budget_window: see `budget`.
    repeats: after so many effects of the same action on the same target without recovery, it is not tried again.
    repeat_window: how far back these are counted; policies see the count as `recent_repeats`.
    at_once: effects that may run at the same time.
    recurrences: in so many incidents an action is done on a target without asking, whatever came of it; then a person
        decides.
    recurrence_window: how far back these are counted.
    rejections: how long a person's no holds.
    """

    cool_down: timedelta = timedelta(seconds=30)
    budget: int = 10
    budget_window: timedelta = timedelta(hours=1)
    repeats: int = 2
    repeat_window: timedelta = timedelta(minutes=30)
    at_once: int = 3
    recurrences: int = 3
    recurrence_window: timedelta = timedelta(hours=24)
    rejections: RejectionOptions = field(default_factory=RejectionOptions)

    @property
    def longest(self) -> timedelta:
        """How far back effects count."""
        return max(self.cool_down, self.budget_window, self.repeat_window, self.recurrence_window)


@dataclass(frozen=True, slots=True)
class PastEffect:
    """One effect that was intended. recovered: what verification said of it, None while nobody knows; took_place: False
    where it is known that nothing was done."""

    incident: str
    step: str
    target: str
    action: str
    at: datetime
    recovered: bool | None = None
    running: bool = False
    took_place: bool = True


@dataclass(frozen=True, slots=True)
class EffectHistory:
    """The effects of all incidents, as far back as the longest window, people's standing rejections, and whether
    effects are suspended."""

    effects: tuple[PastEffect, ...] = ()
    suspended: bool = False
    rejections: tuple[Rejection, ...] = ()

    def without(self, incident: str, step: str) -> tuple[PastEffect, ...]:
        """All effects but that of one step: a step is no repetition of itself."""
        return tuple(e for e in self.effects if (e.incident, e.step) != (incident, step))

    def repeats(self, step: Step, now: datetime, window: timedelta) -> int:
        """How often this action was applied to this target within the window without a known recovery."""
        return sum(_same(e, step) and now - e.at <= window and e.recovered is not True for e in self.effects)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A step on its way to an effect. reversible: what its action says; pre_state: None before it was captured.

    Of the pre-state the guards read what every action that takes instances down writes into it: `running` (instances
    that run), `takes_down` (how many of them will be down at once) and `returns` ("true" when they come back).
    """

    step: Step
    reversible: bool
    pre_state: Mapping[str, str] | None = None


def guard(
    proposal: Proposal,
    incident: Incident,
    history: EffectHistory,
    services: Services,
    now: datetime,
    options: GuardOptions = GuardOptions(),
) -> Deny | None:
    """The first guard that refuses, or None.

    To be called before policy is asked (without a pre-state), and right before the effect with a pre-state captured
    then, because the minimum of healthy instances can only be guarded by who knows how many run.
    """
    step, past = proposal.step, history.without(incident.id, proposal.step.id)
    refusals = (
        Deny(SUSPENDED, "all effects are suspended") if history.suspended else None,
        _rejected(step, incident, history.rejections, now, options),
        _running(past, options),
        _cool_down(step, past, now, options),
        _done_meanwhile(step, incident, past, options),
        _repeated(step, past, now, options),
        _budget(step, past, now, options),
        _captured(proposal),
        _healthy(proposal, incident, services[step.target]),
        _recurred(step, incident, past, now, options),
    )
    return next((refusal for refusal in refusals if refusal is not None), None)


def effects_of(incident: Incident) -> tuple[PastEffect, ...]:
    """The effects of one incident, for an EffectHistory."""
    records = (r for r in incident.actions.values() if r.intended_at is not None)
    return tuple(_effect(incident, record) for record in records)


def _effect(incident: Incident, record: ActionRecord) -> PastEffect:
    return PastEffect(
        incident=incident.id,
        step=record.step.id,
        target=record.step.target,
        action=record.step.action,
        at=record.intended_at or incident.detected_at,
        recovered=_recovered(incident, record),
        running=record.status in {ActionStatus.INTENDED, ActionStatus.UNDOING},
        took_place=record.status is not ActionStatus.FAILED,
    )


def _recovered(incident: Incident, record: ActionRecord) -> bool | None:
    """Of the steps of an option all share what became of it; one that did not take place brought nothing."""
    current = incident.current_option
    tried = current is not None and record.step in current.steps
    if record.status in {ActionStatus.FAILED, ActionStatus.UNDONE, ActionStatus.UNDO_FAILED} or not tried:
        return False
    if recovered(incident) or incident.status is IncidentStatus.RESOLVED:
        return True
    return False if incident.status.at_rest else None


def _rejected(
    step: Step, incident: Incident, rejections: Iterable[Rejection], now: datetime, options: GuardOptions
) -> Deny | None:
    own = [r for r in rejections if r.tenant == incident.tenant]
    rejection = holds(step, cause_of(incident), own, now, options.rejections)
    record = incident.actions.get(step.id)
    # A person's yes to this very step is the newer word.
    if rejection is None or (
        record is not None and record.approved_at is not None and record.approved_at > rejection.at
    ):
        return None
    return Deny(REJECTED, f"{rejection.said}; nothing has changed since")


def cause_of(incident: Incident) -> tuple[str, str]:
    """Service and class of fault as diagnosed; without a diagnosis the service that the incident is about."""
    best = incident.diagnosis.best if incident.diagnosis else None
    return (best.service, best.fault_class) if best else (incident.service, "")


def _done_meanwhile(step: Step, incident: Incident, past: Iterable[PastEffect], options: GuardOptions) -> Deny | None:
    """What another incident did, after this one had made up its mind, was not in what it decided on."""
    record = incident.actions.get(step.id)
    approved = record.approved_at if record is not None else None
    since = approved - options.cool_down if approved is not None else incident.diagnosed_at
    others = [e for e in past if _same(e, step) and e.incident != incident.id and e.took_place]
    last = max((e for e in others if since is not None and e.at >= since), key=lambda e: e.at, default=None)
    if last is None:
        return None
    return Deny(DONE, f"{step.action} on {step.target} was done at {last.at:%H:%M:%S} for incident {last.incident}")


def _recurred(
    step: Step, incident: Incident, past: Iterable[PastEffect], now: datetime, options: GuardOptions
) -> Deny | None:
    record = incident.actions.get(step.id)
    if record is not None and record.approved_by:
        return None
    recent = [e for e in past if _same(e, step) and e.took_place and now - e.at <= options.recurrence_window]
    times = len({e.incident for e in recent} - {incident.id})
    if times < options.recurrences:
        return None
    hours = options.recurrence_window.total_seconds() / 3600
    said = f"{step.action} on {step.target} was done for {times} incidents within {hours:.0f} h, and it came back"
    return Deny(RECURRENCE, f"{said}: a person has to decide")


def _running(past: Iterable[PastEffect], options: GuardOptions) -> Deny | None:
    running = [e for e in past if e.running]
    if len(running) < options.at_once:
        return None
    names = ", ".join(f"{e.action} on {e.target}" for e in running)
    return Deny(CONCURRENCY, f"{len(running)} effects run at the moment ({names}); {options.at_once} may")


def _cool_down(step: Step, past: Iterable[PastEffect], now: datetime, options: GuardOptions) -> Deny | None:
    last = max((e.at for e in past if _same(e, step)), default=None)
    if last is None or now - last >= options.cool_down:
        return None
    ago, least = (now - last).total_seconds(), options.cool_down.total_seconds()
    return Deny(COOL_DOWN, f"{step.action} on {step.target} ran {ago:.0f} s ago; {least:.0f} s must pass between two")


def _repeated(step: Step, past: Iterable[PastEffect], now: datetime, options: GuardOptions) -> Deny | None:
    tried = EffectHistory(tuple(past)).repeats(step, now, options.repeat_window)
    if tried < options.repeats:
        return None
    minutes = options.repeat_window.total_seconds() / 60
    return Deny(REPEAT, f"{step.action} on {step.target} brought no recovery {tried} times within {minutes:.0f} min")


def _budget(step: Step, past: Iterable[PastEffect], now: datetime, options: GuardOptions) -> Deny | None:
    spent = sum(e.target == step.target and now - e.at <= options.budget_window for e in past)
    if spent < options.budget:
        return None
    minutes = options.budget_window.total_seconds() / 60
    return Deny(BUDGET, f"{step.target} had {spent} effects within {minutes:.0f} min; {options.budget} is the budget")


def _captured(proposal: Proposal) -> Deny | None:
    """Before the capture (None) there is nothing to object to; an empty capture could not be put back."""
    if proposal.reversible and proposal.pre_state is not None and not proposal.pre_state:
        return Deny(PRE_STATE, f"{proposal.step.action} says it can be undone, but no state to go back to was captured")
    return None


def _healthy(proposal: Proposal, incident: Incident, service: ServiceSpec) -> Deny | None:
    """Instances that come back may go when the service itself is at fault: a restart of what is broken loses nothing.
    Instances that stay away count against the minimum whatever is wrong."""
    state = proposal.pre_state or {}
    running, down = _number(state, "running"), _number(state, "takes_down")
    if running is None or not down or running - down >= service.minimum_healthy:
        return None
    if state.get("returns") == "true" and _at_fault(proposal.step.target, incident):
        return None
    left = max(running - down, 0)
    said = f"{left} of {running} instances of {service.name} would run; {service.minimum_healthy} is the minimum"
    return Deny(MINIMUM_HEALTHY, said)


def _at_fault(target: str, incident: Incident) -> bool:
    best = incident.diagnosis.best if incident.diagnosis else None
    return target in incident.services or (best is not None and best.service == target)


def _number(state: Mapping[str, str], name: str) -> int | None:
    text = state.get(name, "")
    return int(text) if text.isdecimal() else None


def _same(effect: PastEffect, step: Step) -> bool:
    return (effect.target, effect.action) == (step.target, step.action)
