"""What governance says about a proposed step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TypeAlias

from akeso.domain.incident.plan import Risk, Step

# The name under which a verdict says that nobody vouches for what a step rests on.
UNVOUCHED = "unvouched"


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What a decision stands on. principal: agent or user name; role: agent, viewer, operator, approver or admin.
    on_akeso: the action is one on Akeso's own pipeline, and touches nobody's service. doubt: why those who said what
    this rests on are not to be believed without a person; "" when they are."""

    principal: str
    role: str
    step: Step
    reversible: bool
    risk: Risk
    tier: int
    environment: str
    external: bool
    trust: int
    confidence: float
    blast_radius: int
    recent_repeats: int
    change_freeze: bool = False
    suspended: bool = False
    dry_run: bool = False
    on_akeso: bool = False
    approved_by: str = ""
    doubt: str = ""
    context: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Allow:
    """The step may run as proposed."""

    policy: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A person with one of `approvers` (roles) must say yes before `expiry` has passed. why: what it is asked for where
    the policy alone does not tell."""

    policy: str
    approvers: tuple[str, ...]
    expiry: timedelta
    why: str = ""


@dataclass(frozen=True, slots=True)
class Deny:
    """The step may not run."""

    policy: str
    why: str


@dataclass(frozen=True, slots=True)
class Modify:
    """A smaller step may run instead."""

    policy: str
    step: Step
    why: str


Verdict: TypeAlias = Allow | Ask | Deny | Modify
