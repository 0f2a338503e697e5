"""The way of stored telemetry to the bus: bounded in bytes, and in an order that is fair between tenants."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from akeso.domain.errors import AkesoError, Unavailable
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.engine.fairness import FairQueue, Shares

log = structlog.get_logger(__name__)

_Waiting = tuple[TelemetryBatch, "asyncio.Future[None]"]


class PublishQueue:
    """Room is taken before a batch is stored, so that nobody who is told to come back was taken in already.

    publish: waits while subscribers are behind; is tried again while the bus is away. limit: bytes of batches that all
    tenants together may have on the way. retry_after: what a sender is told, and the pause between two tries.
    """

    def __init__(
        self, publish: Callable[[TelemetryBatch], Awaitable[None]], limit: int, retry_after: timedelta
    ) -> None:
        self._publish = publish
        self._pause_s = retry_after.total_seconds()
        self._shares = Shares(limit, retry_after, "wait for the detectors")
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._working: asyncio.Task[None] | None = None

    @property
    def waiting_bytes(self) -> int:
        """What all batches on the way take."""
        return self._shares.used

    def reserve(self, batch: TelemetryBatch) -> None:
        """Raises Overloaded when the tenant has no room."""
        self._shares.take(batch.tenant, batch.nbytes)

    def release(self, batch: TelemetryBatch) -> None:
        """The room of a batch that will not be passed on."""
        self._shares.give(batch.tenant, batch.nbytes)

    async def pass_on(self, batch: TelemetryBatch) -> None:
        """Returns when the batch, for which there is room, is published. A caller that gives up does not stop it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(batch.tenant, batch.nbytes, (batch, done))
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="publish-queue")
        await asyncio.shield(done)

    async def _work(self) -> None:
        try:
            while len(self._queue):
                batch, done = self._queue.take()
                await self._pass(batch, done)
        finally:
            self._working = None

    async def _until_taken(self, batch: TelemetryBatch) -> None:
        # What is stored was acknowledged. While the bus is away it waits here, and takes up its tenant's room.
        while True:
            try:
                await self._publish(batch)
            except Unavailable as away:
                log.warning("publish_queue.bus_away", error=str(away), bytes=self.waiting_bytes)
                await asyncio.sleep(self._pause_s)
            else:
                return

    async def _pass(self, batch: TelemetryBatch, done: asyncio.Future[None]) -> None:
        try:
            await self._until_taken(batch)
        # The boundary of the worker: the batch is stored, and is handed out from there after the next start.
        except Exception as error:  # noqa: BLE001 - told to whoever waits, or written down
            failure: BaseException | None = error
        else:
            failure = None
        self.release(batch)
        if done.done():
            return
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)
            done.exception()  # a sender that gave up waiting does not ask
            if not isinstance(failure, AkesoError):
                log.error("publish_queue.failed", exc_info=failure)
