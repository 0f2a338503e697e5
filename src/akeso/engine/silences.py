"""The silences that hold: kept at hand, because they are asked about with every alert."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.incident.silence import Silence


class SilenceShelf(Protocol):
    """Where silences outlive the process."""

    async def put(self, silence: Silence) -> None: ...

    async def remove(self, silence: str) -> None: ...

    async def all(self) -> Sequence[Silence]: ...


class Silences:
    """Silences of all tenants. now: the present instant."""

    def __init__(self, shelf: SilenceShelf, now: Callable[[], datetime]) -> None:
        self._shelf, self._now = shelf, now
        self._known: dict[str, Silence] = {}

    async def load(self) -> None:
        """Reads them from the shelf, and takes those away that will never hold again."""
        for silence in await self._shelf.all():
            if silence.over(self._now()):
                await self._shelf.remove(silence.id)
            else:
                self._known[silence.id] = silence

    def present(self) -> tuple[Silence, ...]:
        """Those that hold, or will, of all tenants."""
        now = self._now()
        return tuple(s for s in self._known.values() if not s.over(now))

    async def add(self, silence: Silence) -> None:
        """Durable when it returns. Raises InvalidInput for one that never holds."""
        if silence.end <= silence.start or silence.over(self._now()):
            raise InvalidInput("until", "lies before its beginning, or has passed")
        if silence.every is not None and silence.end - silence.start > silence.every:
            raise InvalidInput("every", "it would begin again before it is over")
        await self._shelf.put(silence)
        self._known[silence.id] = silence

    async def lift(self, silence: str, tenant: str) -> Silence:
        """It holds no more. Raises NotFound."""
        known = self._known.get(silence)
        if known is None or known.tenant != tenant:
            raise NotFound(f"there is no silence {silence}")
        await self._shelf.remove(silence)
        del self._known[silence]
        return known

    def frozen(self, tenant: str, service: str) -> Silence | None:
        """The silence because of which nothing is to be done to a service by itself."""
        now = self._now()
        found = (s for s in self._known.values() if s.freezes and not s.labels and s.tenant == tenant)
        return next((s for s in found if s.until(now) is not None and s.covers(service, {})), None)
