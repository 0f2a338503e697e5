"""The policy engine."""

from typing import Protocol

from akeso.domain.incident.verdict import PolicyRequest, Verdict


class Policy(Protocol):
    """Decides on one step. Default deny: what no policy allows is refused, and so is what cannot be evaluated."""

    def decide(self, request: PolicyRequest) -> Verdict: ...
