"""What governance says about a proposed step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TypeAlias

from akeso.domain.incident.plan import Risk, Step


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """What a decision stands on. principal: agent or user name; role: agent, viewer, operator, approver or admin.
    on_akeso: the action is one on Akeso's own pipeline, and touches nobody's service."""

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
    context: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Allow:
    """The step may run as proposed."""

    policy: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A person with one of `approvers` (roles) must say yes before `expiry` has passed."""

    policy: str
    approvers: tuple[str, ...]
    expiry: timedelta


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
