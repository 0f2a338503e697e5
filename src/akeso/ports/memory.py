"""Incident memory."""

from collections.abc import Sequence
from typing import Protocol

from akeso.domain.incident.memory import Memory, Recollection


class IncidentMemory(Protocol):
    """Remembers incidents and finds those that resemble another."""

    async def remember(self, memory: Memory) -> None:
        """Durable when it returns. Remembering the same id again replaces it."""
        ...

    async def recall(self, tenant: str, text: str, signature: Sequence[str], limit: int = 5) -> Sequence[Recollection]:
        """The most similar memories of this tenant, most similar first."""
        ...

    async def success(self, tenant: str, fault_class: str, action: str) -> tuple[int, int]:
        """(times the action brought recovery, times it was tried) for a class of fault."""
        ...
