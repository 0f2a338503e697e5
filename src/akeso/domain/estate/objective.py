"""Service-level objectives and what is left of their error budgets."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Fires while the burn rate of both windows is at least `factor`."""

    factor: float
    long: timedelta
    short: timedelta


@dataclass(frozen=True, slots=True)
class Objective:
    """What a team promised. kind: "availability" (failed calls are bad) or "latency" (calls of a slot whose mean is
    above `limit` ms are bad); allowed: the share of calls that may be bad."""

    tenant: str
    service: str
    kind: str
    allowed: float
    limit: float


@dataclass(frozen=True, slots=True)
class Burn:
    """One rule's burn rates just now."""

    rule: BurnRule
    long: float
    short: float


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """How an objective stands. remaining: of the budget of the longest window, 1 untouched, 0 used up, below 0
    overdrawn; score: 1.0 at the alarm."""

    objective: Objective
    burns: tuple[Burn, ...]
    remaining: float
    score: float
