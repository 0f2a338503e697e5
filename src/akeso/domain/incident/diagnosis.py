"""What Akeso believes is wrong, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from types import MappingProxyType

from akeso.domain.incident.explanation import Claim

UNKNOWN = "unknown"


class FaultClass:
    """The fault classes that ship with Akeso. Plugins and playbooks may use others: a class is a plain string."""

    LATENCY_DEGRADATION = "latency_degradation"
    ERROR_BURST = "error_burst"
    BAD_RELEASE = "bad_release"
    CRASH = "crash"
    CRASH_LOOP = "crash_loop"
    CPU_SATURATION = "cpu_saturation"
    MEMORY_LEAK = "memory_leak"
    LOCK_CONTENTION = "lock_contention"
    CONNECTION_POOL_EXHAUSTION = "connection_pool_exhaustion"
    QUEUE_BACKLOG = "queue_backlog"
    SLOW_DEPENDENCY = "slow_dependency"
    BAD_CONFIGURATION = "bad_configuration"
    TRAFFIC_SURGE = "traffic_surge"
    LOG_FLOOD = "log_flood"
    DISK_PRESSURE = "disk_pressure"
    NETWORK_DELAY = "network_delay"
    UNKNOWN = UNKNOWN


class CauseKind(StrEnum):
    """What an inner cause names."""

    CODE = "code"  # a region of the code: the statement that was still reached, and the one that should have followed
    METRIC = "metric"  # a series of the service that departed
    TEMPLATE = "template"  # what the service says in its log


@dataclass(frozen=True, slots=True)
class InnerCause:
    """What in a service is wrong. first, then: a region of code from one place to the next, for people to look at;
    `then` is empty where the cause is one name only."""

    kind: CauseKind
    first: str
    then: str = ""

    def __str__(self) -> str:
        return f"{self.first} → {self.then}" if self.then else self.first


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding of one provider.

    service: whom it speaks of. weight: log-odds that this service is the root cause (positive for, negative against;
    0 for findings that only tell the class). classes: fault class → log-odds. statement: one sentence a person can
    check, with the numbers in it; numbers: the same numbers by name. cause: what in the service it speaks of.
    """

    provider: str
    service: str
    statement: str
    weight: float
    classes: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    cause: InnerCause | None = None

    def __post_init__(self) -> None:
        if not all(map(isfinite, (self.weight, *self.classes.values()))):
            raise ValueError(f"evidence of {self.provider} on {self.service} has a weight that is not finite")
        object.__setattr__(self, "numbers", finite(self.numbers))


def finite(numbers: Mapping[str, float]) -> Mapping[str, float]:
    """The entries that are real numbers: a journal cannot hold NaN or infinity, and a person cannot read them."""
    return MappingProxyType({name: float(value) for name, value in numbers.items() if isfinite(value)})


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A root cause that would explain the incident. confidence: the probability that it is the root cause. cause: what
    in the service, as far as that was found."""

    service: str
    fault_class: str
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    cause: InnerCause | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Ranked hypotheses, best first. `known` is False when the best is not sure enough to act on.

    suggested_checks: where the cause is not known, what would help to know it. grounds: the numbers that the confidence
    was made of (see akeso.stages.diagnosis.confidence). explanation: in words; claims: its sentences, each with what it
    stands on.
    """

    hypotheses: tuple[Hypothesis, ...]
    known: bool
    explanation: str = ""
    suggested_checks: tuple[str, ...] = ()
    grounds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    claims: tuple[Claim, ...] = ()

    @property
    def best(self) -> Hypothesis | None:
        return self.hypotheses[0] if self.hypotheses else None
