"""A bounded number of worker slots with a bounded queue before them: the real capacity of an instance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from akeso.lab.errors import Saturated


class Slots:
    """At most `limit` requests at a time; at most `queue` wait, each no longer than `patience_s`."""

    def __init__(self, limit: int, queue: int, patience_s: float = 1.5) -> None:
        self.limit = limit
        self._queue = queue
        self._patience_s = patience_s
        self._free = asyncio.Semaphore(limit)
        self.used = 0
        self.waiting = 0

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a slot. Raises Saturated when the queue is full or too slow."""
        await self._take()
        self.used += 1
        try:
            yield
        finally:
            self.used -= 1
            self._free.release()

    async def _take(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self.waiting >= self._queue:
            raise Saturated(f"all {self.limit} workers are busy and {self.waiting} requests wait")
        self.waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._patience_s)
        except TimeoutError as exc:
            raise Saturated(f"no worker came free within {self._patience_s} s") from exc
        finally:
            self.waiting -= 1
