"""From a proposed step to the question that policy answers, and from its answer to the verdict."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from akeso.domain.estate.service import Services, Trust
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Option, Risk, Step
from akeso.domain.incident.verdict import UNVOUCHED, Allow, Ask, Deny, Modify, PolicyRequest, Verdict
from akeso.ports.policy import Policy
from akeso.stages.healing.guards import FOR_PEOPLE, EffectHistory

# Who is asked, and for how long, when no policy says so.
APPROVERS = ("approver", "admin")
_EXPIRY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class GovernOptions:
    """What policy is told besides the step.

    trust: the rung of services that state none.
    dry_run: whether effects are only previewed.
    change_freeze: whether a change freeze is in force.
    agent: in whose name Akeso acts: the principal of policies.
    repeat_window: how far back `recent_repeats` counts.
    """

    trust: Trust = field(default=Trust.APPROVE, metadata={"set_at": "trust"})
    dry_run: bool = field(default=True, metadata={"set_at": "dry_run"})
    change_freeze: bool = False
    agent: str = "healing"
    repeat_window: timedelta = field(default=timedelta(minutes=30), metadata={"set_at": "healing.guards.repeat_window"})


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything outside the incident that a decision stands on."""

    now: datetime
    services: Services = field(default_factory=Services)
    topology: Topology = field(default_factory=Topology)
    history: EffectHistory = field(default_factory=EffectHistory)
    options: GovernOptions = field(default_factory=GovernOptions)


@dataclass(frozen=True, slots=True)
class Nature:
    """What the action of a step says of itself (its `reversible`, `risk` and `on_akeso`)."""

    reversible: bool
    risk: Risk
    on_akeso: bool = False


def policy_request(
    incident: Incident, option: Option, step: Step, nature: Nature, situation: Situation
) -> PolicyRequest:
    """The question for a step that Akeso proposes.

    The confidence is that of the best hypothesis; 0 when there is none. The blast radius is the number of services
    that stand on the target.
    """
    spec, options = situation.services[step.target], situation.options
    best = incident.diagnosis.best if incident.diagnosis else None
    return PolicyRequest(
        principal=options.agent,
        role="agent",
        step=step,
        reversible=nature.reversible,
        risk=nature.risk,
        on_akeso=nature.on_akeso,
        tier=spec.tier,
        environment=spec.environment,
        external=spec.external,
        trust=situation.services.trust(step.target, step.action, options.trust),
        confidence=best.confidence if best else 0.0,
        blast_radius=len(situation.topology.upstream(step.target)),
        recent_repeats=situation.history.repeats(step, situation.now, options.repeat_window),
        change_freeze=options.change_freeze,
        suspended=situation.history.suspended,
        dry_run=options.dry_run,
        context={
            "incident": incident.id,
            "severity": incident.severity.name.lower(),
            "playbook": option.playbook,
            "owner": spec.owner,
            "fault_class": best.fault_class if best else "",
        },
    )


def approved(request: PolicyRequest, by: str, role: str, *, dry_run: bool) -> PolicyRequest:
    """The same step once a person has approved it: it is judged as that person's.

    role: viewer, operator, approver or admin.
    """
    return replace(request, principal=by, role=role, approved_by=by, dry_run=dry_run)


def govern(request: PolicyRequest, policy: Policy, refusal: Deny | None) -> Verdict:
    """The verdict of a policy that is at hand, and of the guards (`refusal`: what `guard` said)."""
    return settle(policy.decide(request), refusal, request)


def settle(verdict: Verdict, refusal: Deny | None, request: PolicyRequest) -> Verdict:
    """Guards and policy in one. What policy denies stays denied in its own words; what it would allow, or ask for,
    falls to a guard that refuses, or becomes a question where the guard wants a person; what it would allow is asked
    for as well when nobody vouches for its grounds and no person took that upon themselves. A dry run does nothing, so
    there is nothing to guard."""
    if request.dry_run:
        return verdict
    if request.doubt and not request.approved_by and isinstance(verdict, Allow | Modify):
        verdict = Ask(UNVOUCHED, APPROVERS, _EXPIRY, request.doubt)
    if refusal is None:
        return verdict
    match verdict:
        case Deny():
            return verdict
        case Ask() if refusal.policy in FOR_PEOPLE:
            return replace(verdict, why=refusal.why)
        case Allow() | Modify() if refusal.policy in FOR_PEOPLE:
            return Ask(refusal.policy, APPROVERS, _EXPIRY, refusal.why)
        case Allow() | Ask() | Modify():
            return refusal
        case never:
            assert_never(never)
