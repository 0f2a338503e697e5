"""Lines of the journal that are about the whole system, and about no incident."""

from collections.abc import Awaitable, Callable

from akeso.domain.errors import Conflict
from akeso.domain.incident.events import Event
from akeso.ports.clock import Clock
from akeso.ports.journal import Draft, Journal

_ATTEMPTS = 5


async def write_line(
    journal: Journal, clock: Clock, event: Event, by: str, newest: Callable[[], Awaitable[int]]
) -> None:
    """Durable when it returns. newest: reads on and gives the last of these lines; it is asked before each try. Raises
    Conflict when somebody else was first each time."""
    for left in reversed(range(_ATTEMPTS)):
        last = await newest()
        try:
            await journal.append(Draft("", event, by, clock.now(), last))
        except Conflict:
            if not left:
                raise
        else:
            return
