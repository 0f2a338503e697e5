"""Keys that were refused: counted, and answered more slowly the more of them one address sends.

A key is 256 random bits, so nobody guesses one. What is limited is what guessing costs: work, and lines of the log.
Whoever has a valid key is never kept waiting by what others send from the same address, as they may share a proxy.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

import structlog

from akeso.domain.errors import Overloaded
from akeso.domain.telemetry.times import duration_ns
from akeso.ports.clock import Clock

log = structlog.get_logger(__name__)

_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class RefusedKeyOptions:
    """When an address is told to wait.

    most: refused keys of one address within `window` before it is.
    window: over which they are counted, and for how long it waits.
    """

    most: int = 20
    window: timedelta = timedelta(minutes=1)


class RefusedKeys:
    """total: refused keys since the start; turned_away: those that were not answered 401 any more but told to wait."""

    def __init__(self, clock: Clock, options: RefusedKeyOptions | None = None) -> None:
        self._clock, self._options = clock, options or RefusedKeyOptions()
        self._window = duration_ns(self._options.window)
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()  # address → since when, how many
        self.total = self.turned_away = 0

    def note(self, address: str) -> None:
        """A key that is nobody's came from there. Raises Overloaded once that was too often."""
        self.total += 1
        now = self._clock.nanoseconds()
        since, count = self._seen.pop(address, (now, 0))
        if now - since > self._window:
            since, count = now, 0
        self._seen[address] = since, count + 1
        if len(self._seen) > _ADDRESSES:
            self._seen.popitem(last=False)
        if count in {0, self._options.most}:
            log.warning("access.key_refused", address=address, locked=count >= self._options.most, total=self.total)
        if count >= self._options.most:
            self.turned_away += 1
            raise Overloaded("too many keys were refused; wait before the next", self._options.window)
