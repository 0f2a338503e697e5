"""Reasoners: put a diagnosis into words."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry

from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.domain.incident.memory import Recollection
from akeso.domain.telemetry.query import MetricMatrix, MetricSelector, Range
from akeso.ports.clock import Clock


@runtime_checkable
class Reasoner(Protocol):
    """Explains. It can neither change the ranking nor raise the confidence nor approve: no Explanation holds these."""

    name: str

    async def explain(self, case: Case, diagnosis: Diagnosis) -> Explanation:
        """Words for the person on call; each claim cites what it stands on."""
        ...


# (tenant, words, signature, how many) → memories that resemble them: the one thing of memory that may be had here.
Recall = Callable[[str, str, Sequence[str], int], Awaitable[Sequence[Recollection]]]


# What stored telemetry holds of some series over a range.
History = Callable[[MetricSelector, Range], Awaitable[MetricMatrix]]


class PositionStore(Protocol):
    """Remembers numbers over restarts (the telemetry store does)."""

    async def mark(self, name: str, value: int) -> None: ...

    async def marked(self, name: str) -> int: ...


@dataclass(frozen=True, slots=True)
class ReasonerContext:
    """What a reasoner that looks beyond the case works with. Nothing in it can change an incident or act."""

    clock: Clock
    registry: CollectorRegistry
    knowledge: Knowledge
    recall: Recall | None = None
    history: History | None = None
    positions: PositionStore | None = None


@runtime_checkable
class Consulting(Protocol):
    """A reasoner that takes its time: it asks others, so its words come after the diagnosis and hold nothing up."""

    def connect(self, around: ReasonerContext) -> None:
        """Called once, before the first explanation. Raises InvalidSettings."""
        ...

    async def close(self) -> None: ...
