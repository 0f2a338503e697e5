"""From a diagnosis to ways of healing, the most promising first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias, assert_never

from akeso.domain.estate.changes import standing
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import ActionStatus, Incident
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.domain.telemetry.batches import Change
from akeso.stages.healing.playbooks import (
    ANY_CLASS,
    CALLER,
    ROOT_CAUSE,
    Playbook,
    PlaybookStep,
    RecentChange,
    RootIsExternal,
)
from akeso.stages.healing.rejections import Rejection, RejectionOptions, holds

# (fault class, action) → (times it brought recovery, times it was tried)
History = Mapping[tuple[str, str], tuple[int, int]]

_SPENT = frozenset(
    {ActionStatus.APPLIED, ActionStatus.UNKNOWN, ActionStatus.UNDONE, ActionStatus.UNDO_FAILED, ActionStatus.REJECTED}
)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How ways of healing are ranked.

    prior_tries: how many tries a playbook's own expectation counts for against what was seen.
    risk_costs: benefit that each step of risk must be worth.
    close: the second hypothesis is considered if its confidence is at least this share of the first's.
    at_most: options of a plan.
    least_benefit: an option with a smaller expected benefit is not worth trying.
    rejections: how long a person's no holds.
    """

    prior_tries: float = 4.0
    risk_costs: Mapping[Risk, float] = field(
        default_factory=lambda: MappingProxyType({Risk.NONE: 0.0, Risk.LOW: 0.02, Risk.MEDIUM: 0.05, Risk.HIGH: 0.25})
    )
    close: float = 0.6
    at_most: int = 4
    least_benefit: float = 0.08
    rejections: RejectionOptions = field(
        default_factory=RejectionOptions, metadata={"set_at": "healing.guards.rejections"}
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan has to know besides the diagnosis. rejections: those of people that stand; now: to which their age is
    told."""

    services: Services = field(default_factory=Services)
    topology: Topology = field(default_factory=Topology)
    changes: tuple[Change, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    now: datetime | None = None

    @classmethod
    def of(cls, case: Case) -> "Surroundings":
        """Those of the case that was diagnosed."""
        return cls(case.services, case.topology, case.changes)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A playbook for this class of fault that cannot or should not be used now."""

    playbook: str
    why: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    option: Option
    utility: float


_Ruling: TypeAlias = _Candidate | Refusal


def plan(
    incident: Incident,
    diagnosis: Diagnosis,
    playbooks: Sequence[Playbook],
    surroundings: Surroundings,
    history: History,
    options: PlanOptions | None = None,
) -> Plan:
    """Options ranked by confidence × past success − risk − cost. Empty when the cause is not known or nothing fits;
    `refusals` then says why. Steps are named `<incident>-p<plan>-o<option>-s<step>`, each counted from 1."""
    options = options or PlanOptions()
    planner = _Planner(incident, surroundings, history, options)
    rulings = [r for h in _worth_planning(diagnosis, options) for r in planner.rulings(h, playbooks)]
    ranked = sorted((r for r in rulings if isinstance(r, _Candidate)), key=lambda c: -c.utility)
    distinct = _distinct(ranked)[: options.at_most]
    return Plan(tuple(_named(incident, i, c.option) for i, c in enumerate(_declared(distinct, rulings), start=1)))


def refusals(
    incident: Incident,
    diagnosis: Diagnosis,
    playbooks: Sequence[Playbook],
    surroundings: Surroundings,
    options: PlanOptions | None = None,
) -> tuple[Refusal, ...]:
    """Why playbooks that are meant for the diagnosed class are not in the plan."""
    options = options or PlanOptions()
    planner = _Planner(incident, surroundings, {}, options)
    rulings = [r for h in _worth_planning(diagnosis, options) for r in planner.rulings(h, playbooks)]
    return tuple(r for r in rulings if isinstance(r, Refusal))


def _worth_planning(diagnosis: Diagnosis, options: PlanOptions) -> tuple[Hypothesis, ...]:
    if not diagnosis.known or diagnosis.best is None:
        return ()
    second = [h for h in diagnosis.hypotheses[1:2] if h.confidence >= options.close * diagnosis.best.confidence]
    return (diagnosis.best, *second)


class _Planner:
    def __init__(self, incident: Incident, surroundings: Surroundings, history: History, options: PlanOptions) -> None:
        self._incident = incident
        self._around = surroundings
        self._history = history
        self._options = options
        self._spent = {(r.step.action, r.step.target) for r in incident.actions.values() if r.status in _SPENT}

    def rulings(self, hypothesis: Hypothesis, playbooks: Sequence[Playbook]) -> Iterator[_Ruling]:
        """One for every playbook that is meant for the class of this hypothesis."""
        for book in playbooks:
            expected = book.when.fault_classes.get(hypothesis.fault_class, book.when.fault_classes.get(ANY_CLASS))
            if expected is not None:
                yield self._rule(hypothesis, book, expected)

    def _rule(self, hypothesis: Hypothesis, book: Playbook, expected: float) -> _Ruling:
        why_not = self._unfit(hypothesis, book) or self._unmet(hypothesis, book)
        if why_not:
            return Refusal(book.name, why_not)
        steps: list[Step] = []
        for step in book.steps:
            target = self._target(hypothesis, step)
            if isinstance(target, Refusal):
                return Refusal(book.name, target.why)
            steps.append(Step("", step.action, target, step.parameters))
        if all((s.action, s.target) in self._spent for s in steps):
            return Refusal(book.name, "it was tried in this incident already")
        if (rejection := self._rejected(hypothesis, steps)) is not None:
            return Refusal(book.name, rejection.said)
        return self._candidate(hypothesis, book, tuple(steps), expected)

    def _rejected(self, hypothesis: Hypothesis, steps: Sequence[Step]) -> Rejection | None:
        cause, around = (hypothesis.service, hypothesis.fault_class), self._around
        if around.now is None:
            return None
        found = (holds(s, cause, around.rejections, around.now, self._options.rejections) for s in steps)
        return next((r for r in found if r is not None), None)

    def _candidate(self, hypothesis: Hypothesis, book: Playbook, steps: tuple[Step, ...], expected: float) -> _Ruling:
        success = min(self._success(hypothesis.fault_class, s.action, expected) for s in steps)
        benefit = hypothesis.confidence * success
        utility = benefit - self._options.risk_costs[book.risk] - book.cost
        if benefit < self._options.least_benefit:
            return Refusal(book.name, f"it would help in only {benefit:.0%} of such cases")
        why = (
            f"{book.summary or book.name} For {hypothesis.fault_class} of {hypothesis.service}: {benefit:.2f} expected"
            f" = {hypothesis.confidence:.2f} confidence × {success:.2f} success."
        )
        option = Option(book.name, steps, benefit, book.risk, book.undoes, book.verify_within, why)
        return _Candidate(option, utility)

    def _success(self, fault_class: str, action: str, expected: float) -> float:
        """Share of recoveries, the playbook's expectation counting as `prior_tries` tries."""
        helped, tried = self._history.get((fault_class, action), (0, 0))
        return (helped + expected * self._options.prior_tries) / (tried + self._options.prior_tries)

    def _unfit(self, hypothesis: Hypothesis, book: Playbook) -> str:
        spec = self._around.services[hypothesis.service]
        shown = {a.signal for a in self._incident.anomalies}
        if hypothesis.confidence < book.when.minimum_confidence:
            return f"it wants a confidence of {book.when.minimum_confidence:.0%}, this is {hypothesis.confidence:.0%}"
        if book.when.signals and not book.when.signals & shown:
            return "the incident shows none of its signals"
        if hypothesis.fault_class in book.when_not.fault_classes:
            return f"it is not for {hypothesis.fault_class}"
        if unwanted := book.when_not.signals & shown:
            return f"the incident shows {min(unwanted).name.lower()}"
        if spec.tier in book.when_not.tiers:
            return f"it is not for services of tier {spec.tier}"
        if spec.environment in book.when_not.environments:
            return f"it is not for the environment {spec.environment}"
        return ""

    def _unmet(self, hypothesis: Hypothesis, book: Playbook) -> str:
        for condition in book.preconditions:
            match condition:
                case RootIsExternal(external):
                    if self._around.services[hypothesis.service].external != external:
                        return f"{hypothesis.service} is {'not ' if external else ''}external"
                case RecentChange():
                    if not self._changed(hypothesis.service, condition):
                        kinds = " or ".join(sorted(condition.kinds))
                        return (
                            f"{hypothesis.service} had no {kinds} in the last {condition.within.total_seconds():.0f} s"
                        )
                case never:
                    assert_never(never)
        return ""

    def _changed(self, service: str, condition: RecentChange) -> bool:
        since = self._incident.onset - condition.within
        changes = standing(self._around.changes)
        return any(c.service == service and c.kind in condition.kinds and c.at >= since for c in changes)

    def _target(self, hypothesis: Hypothesis, step: PlaybookStep) -> str | Refusal:
        candidates = [step.target]
        if step.target == ROOT_CAUSE:
            candidates = [hypothesis.service]
        elif step.target == CALLER:
            callers = sorted(self._around.topology.callers(hypothesis.service), key=lambda e: -e.rate)
            candidates = [e.caller for e in callers if e.caller != hypothesis.service]
        if not candidates:
            return Refusal("", f"nobody is known to call {hypothesis.service}")
        own = [c for c in candidates if not self._around.services[c].external]
        if not own:
            return Refusal("", f"{candidates[0]} is external: somebody else runs it")
        bound = [c for c in own if not step.binding or step.binding in self._around.services[c].bindings]
        return bound[0] if bound else Refusal("", f"{own[0]} has no binding “{step.binding}”")


def _distinct(ranked: Sequence[_Candidate]) -> list[_Candidate]:
    """The best of those that would do the same."""
    best: dict[tuple[tuple[str, str], ...], _Candidate] = {}
    for candidate in ranked:
        best.setdefault(tuple((s.action, s.target) for s in candidate.option.steps), candidate)
    return list(best.values())


def _declared(ranked: Sequence[_Candidate], rulings: Sequence[_Ruling]) -> Iterator[_Candidate]:
    """The first option also says what was passed over, and why."""
    refused = "; ".join(f"{r.playbook} ({r.why})" for r in rulings if isinstance(r, Refusal))
    for i, candidate in enumerate(ranked):
        if i == 0 and refused:
            why = f"{candidate.option.why} Passed over: {refused}."
            yield replace(candidate, option=replace(candidate.option, why=why))
        else:
            yield candidate


def _named(incident: Incident, number: int, option: Option) -> Option:
    name = f"{incident.id}-p{incident.plans + 1}-o{number}"
    return replace(option, steps=tuple(replace(s, id=f"{name}-s{i}") for i, s in enumerate(option.steps, start=1)))
