"""The big red switch: `akeso suspend` stops every effect at once, `akeso resume` lets them run again."""

from akeso.domain.incident.events import EffectsResumed, EffectsSuspended, Entry
from akeso.engine.system_lines import write_line
from akeso.ports.clock import Clock
from akeso.ports.journal import Journal


class Suspension:
    """Whether effects are suspended, as the journal says. Call `refresh` before relying on `suspended`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._last: Entry | None = None
        self._seen = 0

    @property
    def suspended(self) -> bool:
        return self._last is not None and isinstance(self._last.event, EffectsSuspended)

    @property
    def why(self) -> str:
        """Who suspended the effects and why; empty when they are not suspended."""
        match self._last:
            case Entry(event=EffectsSuspended(by, reason)):
                return f"effects are suspended by {by}" + (f": {reason}" if reason else "")
        return ""

    async def refresh(self) -> bool:
        """Read what any process has written since; whether effects are suspended."""
        for entry in await self._journal.entries("", self._seen):
            self._seen = entry.sequence
            if isinstance(entry.event, EffectsSuspended | EffectsResumed):
                self._last = entry
        return self.suspended

    async def suspend(self, by: str, reason: str = "") -> None:
        """Returns once it is durable: no effect starts after that."""
        await self._write(EffectsSuspended(by, reason), by)

    async def resume(self, by: str) -> None:
        await self._write(EffectsResumed(by), by)

    async def _write(self, event: EffectsSuspended | EffectsResumed, by: str) -> None:
        await write_line(self._journal, self._clock, event, by, self._newest)
        await self.refresh()

    async def _newest(self) -> int:
        await self.refresh()
        return self._seen
