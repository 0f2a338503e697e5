"""Journal lines that one notifier is to be told of later, kept across restarts."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from akeso.domain.incident.events import Entry
from akeso.stages.notification.routing import Told


class _Positions(Protocol):
    async def mark(self, name: str, value: int) -> None: ...

    async def marked(self, name: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Held:
    """One of them, and because of which route it is told."""

    entry: Entry
    told: Told


class HeldNotices:
    """A durable list of line numbers, written as so many positions: how many there are, then each of them."""

    def __init__(self, name: str, positions: _Positions) -> None:
        self._count, self._place = f"held: {name}", f"held: {name}: "
        self._positions = positions
        self._held: dict[int, Held] = {}

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._held

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held.values()))

    async def numbers(self) -> frozenset[int]:
        """The lines that were held when the process before this one ended."""
        count = await self._positions.marked(self._count)
        return frozenset([await self._positions.marked(f"{self._place}{place}") for place in range(count)])

    def known(self, held: Held) -> None:
        """One of `numbers`, found again."""
        self._held[held.entry.sequence] = held

    async def add(self, held: Held) -> None:
        """Durable when it returns."""
        place = len(self._held)
        self._held[held.entry.sequence] = held
        # The number first: a count without its number would be another line.
        await self._positions.mark(f"{self._place}{place}", held.entry.sequence)
        await self._positions.mark(self._count, place + 1)

    async def remove(self, sequences: Collection[int]) -> None:
        """They were told, or need not be any more."""
        gone = [sequence for sequence in sequences if sequence in self._held]
        for sequence in gone:
            del self._held[sequence]
        if gone:
            await self.write()

    async def write(self) -> None:
        """All of them, durable when it returns."""
        for place, sequence in enumerate(self._held):
            await self._positions.mark(f"{self._place}{place}", sequence)
        await self._positions.mark(self._count, len(self._held))
