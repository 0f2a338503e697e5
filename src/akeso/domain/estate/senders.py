"""What is heard from whom: senders of telemetry, their rhythm, and what is known of those that fell silent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

TELEMETRY_GAP = "telemetry_gap"
"""The class of fault of a gap: what is missing is telemetry; of the services nothing is known."""


class ServiceState(StrEnum):
    """How a service stands, told from its past and from changes. None of them means that it is down: that takes a
    witness (see akeso.stages.correlation.witnesses)."""

    NEW = "new"  # too few arrivals to know its rhythm
    STEADY = "steady"  # heard of regularly
    ON_DEMAND = "on demand"  # heard of when there is something to do
    BATCH = "batch"  # runs and ends, again and again
    SCALED_TO_ZERO = "scaled to zero"  # by a change
    RETIRED = "retired"  # by a change
    RENAMED = "renamed"  # goes on under another name
    GAP = "telemetry gap"  # silent together with others
    UNHEARD = "not heard of"  # silent for longer than it ever was, and nobody knows why


@dataclass(frozen=True, slots=True)
class HeardService:
    """One service as it is heard.

    kinds: "metrics", "logs", "spans" → when each was heard last; cadence_s: median seconds from one arrival to the
    next, None while unknown; silent_s: since the last; because: why the state is what it is; metrics: name → unit;
    operations: of its spans.
    """

    tenant: str
    service: str
    state: ServiceState
    first: datetime
    last: datetime
    arrivals: int
    cadence_s: float | None
    silent_s: float
    because: str = ""
    kinds: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    metrics: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TelemetryGap:
    """Services that fell silent together. since: when the last of them was heard; total: nobody of the tenant is."""

    tenant: str
    since: datetime
    services: tuple[str, ...]
    total: bool
