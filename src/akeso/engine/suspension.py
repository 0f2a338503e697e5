"""The big red switch: `akeso suspend` stops every effect at once, `akeso resume` lets them run again."""

from akeso.domain.errors import Conflict
from akeso.domain.incident.events import EffectsResumed, EffectsSuspended, Entry
from akeso.ports.clock import Clock
from akeso.ports.journal import Draft, Journal

_ATTEMPTS = 5


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
        for attempt in range(_ATTEMPTS):
            await self.refresh()
            try:
                await self._journal.append(Draft("", event, by, self._clock.now(), self._seen))
            except Conflict:
                # Somebody else wrote a system event in between.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                break
        await self.refresh()
