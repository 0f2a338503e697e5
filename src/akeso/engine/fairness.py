"""Fair shares between tenants: of memory, and of turns. One tenant's flood must not starve another's trickle."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Generic, TypeVar

from akeso.domain.errors import Overloaded

T = TypeVar("T")
_QUANTUM = 2**18
# What an item costs besides its bytes, so that many small ones do not pass for nothing.
_OVERHEAD = 2**12


class Shares:
    """Bytes that all tenants hold together, at most `limit`.

    A tenant may hold as much as is free: alone it gets half, of n that want all each gets 1/(n + 1), and whoever comes
    next always finds room (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
    What is larger than that is taken from whoever holds nothing, as long as it fits, or when nothing at all is held.
    """

    def __init__(self, limit: int, retry_after: timedelta, what: str) -> None:
        self._limit, self._retry_after, self._what = limit, retry_after, what
        self._held: dict[str, int] = {}
        self.used = 0

    def of(self, tenant: str) -> int:
        """What a tenant holds now."""
        return self._held.get(tenant, 0)

    def take(self, tenant: str, size: int) -> None:
        """Raises Overloaded when the tenant's share is used up; then nothing was taken."""
        held, free = self.of(tenant), self._limit - self.used
        if size and self.used and held + size > free and (held or size > free):
            raise Overloaded(f"{held} bytes of {tenant} {self._what}, {self.used} of all", self._retry_after)
        self._held[tenant] = held + size
        self.used += size

    def give(self, tenant: str, size: int) -> None:
        """What was taken comes back."""
        self.used -= size
        left = self.of(tenant) - size
        if left:
            self._held[tenant] = left
        else:
            self._held.pop(tenant, None)


class Holding:
    """What one request holds; all of it comes back at the end of a `with`."""

    def __init__(self, shares: Shares, tenant: str) -> None:
        self._shares, self._tenant, self.size = shares, tenant, 0

    def __enter__(self) -> "Holding":
        return self

    def __exit__(self, *_: object) -> None:
        self._shares.give(self._tenant, self.size)
        self.size = 0

    def hold(self, size: int) -> None:
        """Hold `size` bytes in all, more or less than before. Raises Overloaded; then it holds what it held.

        Who will need more asks for all of it at first: many that grow side by side would all be refused half-way.
        """
        if size > self.size:
            self._shares.take(self._tenant, size - self.size)
        else:
            self._shares.give(self._tenant, self.size - size)
        self.size = size


class FairQueue(Generic[T]):
    """What waits, one lane a tenant, taken out by deficit round robin (Shreedhar and Varghese, SIGCOMM 1995): in the
    long run every lane that is not empty gets the same number of bytes out, whatever the size of its items."""

    def __init__(self, quantum: int = _QUANTUM) -> None:
        self._quantum = quantum
        self._lanes: OrderedDict[str, deque[tuple[int, T]]] = OrderedDict()
        self._credit: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, tenant: str, cost: int, item: T) -> None:
        """At the end of the tenant's lane."""
        self._lanes.setdefault(tenant, deque()).append((cost + _OVERHEAD, item))

    def take(self) -> T:
        """The next. Raises IndexError when nothing waits."""
        while self._lanes:
            tenant, lane = next(iter(self._lanes.items()))
            cost, item = lane[0]
            credit = self._credit.get(tenant, self._quantum)
            if cost > credit and len(self._lanes) > 1:
                self._credit[tenant] = credit + self._quantum
                self._lanes.move_to_end(tenant)
                continue
            lane.popleft()
            self._credit[tenant] = max(credit - cost, 0)
            if not lane:
                del self._lanes[tenant], self._credit[tenant]
            return item
        raise IndexError("nothing waits")


class Turns:
    """Work on the event loop, one piece at a time, in a fair order. What a piece holds must not wait for another's."""

    def __init__(self) -> None:
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._taken = False

    @asynccontextmanager
    async def turn(self, tenant: str, cost: int) -> AsyncIterator[None]:
        """The tenant's turn, as long as the block runs. cost: bytes of work."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.put(tenant, cost, mine)
        if not self._taken:
            # Not at once: whoever became ready in the same instant is to be compared with.
            self._taken = True
            loop.call_soon(self._next)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()
            raise
        try:
            yield
        finally:
            self._next()

    def _next(self) -> None:
        while len(self._waiting):
            chosen = self._waiting.take()
            if not chosen.done():
                chosen.set_result(None)
                return
        self._taken = False
