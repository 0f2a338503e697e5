"""What every policy engine has to keep to, and a policy that decides as a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from akeso.domain.incident.plan import Risk, Step
from akeso.domain.incident.verdict import Allow, Ask, Deny, PolicyRequest, Verdict
from akeso.ports.policy import Policy

ROUTINE = PolicyRequest(
    principal="healing",
    role="agent",
    step=Step("step-1", "restart", "catalog"),
    reversible=False,
    risk=Risk.LOW,
    tier=2,
    environment="production",
    external=False,
    trust=3,
    confidence=0.9,
    blast_radius=2,
    recent_repeats=0,
)


class PolicyConformance:
    """Checks that hold for every policy engine with the policies that ship (`policy`), and with none at all."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def names_the_deciding_policy(self) -> None:
        """Every verdict says who decided."""
        for change in ({}, {"trust": 0}, {"trust": 2}, {"suspended": True}, {"dry_run": True}):
            assert self.policy.decide(replace(ROUTINE, **change)).policy

    def denies_what_it_cannot_evaluate(self) -> None:
        """Nonsense is refused, never raised and never let through."""
        for change in ({"confidence": float("nan")}, {"trust": 17}, {"tier": 2**80}, {"blast_radius": "many"}):
            verdict = self.policy.decide(replace(ROUTINE, **change))
            assert isinstance(verdict, Deny), verdict
            assert verdict.why

    def takes_only_an_approver_for_an_approver(self) -> None:
        """A viewer's, an operator's or an agent's approval is none."""
        for role in ("viewer", "operator", "agent", "", "root"):
            verdict = self.policy.decide(replace(ROUTINE, principal="kim", role=role, approved_by="kim"))
            assert isinstance(verdict, Deny), (role, verdict)
        for role in ("approver", "admin"):
            verdict = self.policy.decide(replace(ROUTINE, principal="kim", role=role, approved_by="kim"))
            assert isinstance(verdict, Allow), (role, verdict)

    def asks_only_who_may_approve(self) -> None:
        """Who is asked can say yes, and has time to."""
        verdict = self.policy.decide(replace(ROUTINE, trust=2))
        assert isinstance(verdict, Ask)
        assert verdict.expiry.total_seconds() > 0
        for role in verdict.approvers:
            granted = replace(ROUTINE, trust=2, principal="kim", role=role, approved_by="kim")
            assert isinstance(self.policy.decide(granted), Allow)


@dataclass
class ScriptedPolicy:
    """Decides as told and remembers what it was asked. `decision` may be a function of the request, which may raise."""

    decision: Verdict | Callable[[PolicyRequest], Verdict] = field(default_factory=lambda: Allow("as-told"))
    asked: list[PolicyRequest] = field(default_factory=list)

    def decide(self, request: PolicyRequest) -> Verdict:
        """As told."""
        self.asked.append(request)
        return self.decision(request) if callable(self.decision) else self.decision
