"""The ingestion agent: makes telemetry durable, then hands it to the others."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

import numpy as np
import structlog

from akeso.agents.intake.repeats import Repeats
from akeso.agents.runtime.publish_queue import PublishQueue
from akeso.domain.detection.limits import within_limits
from akeso.domain.errors import Overloaded, Unavailable
from akeso.domain.telemetry.batches import NANOSECONDS, MetricBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.engine.fairness import Shares, Turns
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.source import Answer, Intake
from akeso.ports.telemetry_store import TelemetryStore

log = structlog.get_logger(__name__)

_MOST_SAID = 1_000


@dataclass(frozen=True, slots=True)
class IngestionOptions:
    """What is taken in, how long it is kept, and what waits in memory.

    hot_window: how much stored telemetry is handed out again after a start, so that baselines and windows are filled.
    retention: how long telemetry is kept.
    retention_bytes: how much telemetry is kept, in bytes.
    request_bytes: bodies of requests that may be in memory at once, in bytes.
    publish_queue_bytes: stored batches that may wait for the detectors, in bytes; beyond that senders get 429.
    series: the most series a tenant may have.
    prune_every: how often the two limits of retention are enforced.
    publish_within: how long a sender waits for subscribers that are behind before it is answered: a sender of alerts
        with
        429, a sender of stored telemetry with success.
    retry_after: after how long senders that are turned away are told to come back.
    """

    hot_window: timedelta = timedelta(minutes=10)
    retention: timedelta = timedelta(hours=24)
    retention_bytes: int = 8 * 2**30
    request_bytes: int = 256 * 2**20
    publish_queue_bytes: int = 256 * 2**20
    series: int = 500_000
    prune_every: timedelta = timedelta(seconds=10)
    publish_within: timedelta = timedelta(seconds=5)
    retry_after: timedelta = timedelta(seconds=2)


class IngestionAgent:
    """Consumes no topics: faces call `accept`. Whoever is answered has been taken in. Whoever is told to come back was
    not, unless the bus is down (then it is stored; an alert counts once however often it comes).

    bodies, turns: shares of memory and of the event loop, for faces to take before they read and decode.
    batches, points, alerts: taken in since the start; rejected: items left out of requests that were taken; omitted:
    optional fields left out of items that were kept, being malformed or kept nowhere, by name; refused: requests turned
    away for want of room or disk; replayed: batches handed out again after the start; pruned: batches forgotten.
    """

    name = "ingestion"
    topics: tuple[Topic, ...] = ()

    def __init__(
        self,
        store: TelemetryStore,
        bus: Bus,
        clock: Clock,
        table: SeriesTable,
        options: IngestionOptions | None = None,
    ) -> None:
        self.batches = self.points = self.alerts = self.refused = self.replayed = self.pruned = self.rejected = 0
        self.omitted: dict[str, int] = {}
        self._said: set[tuple[str, str, str]] = set()
        self._repeats = Repeats()
        self._store, self._bus, self._clock, self._table = store, bus, clock, table
        o = self._options = options or IngestionOptions()
        self.bodies = Shares(o.request_bytes, o.retry_after, "are being received")
        self.turns = Turns()
        self._publish_queue = PublishQueue(self._hand_over, o.publish_queue_bytes, o.retry_after)
        self._handed_out = self._collected = 0
        self._first_live: int | None = None
        self._warm = False
        self._prune_at: datetime | None = None

    @property
    def publish_queue_bytes(self) -> int:
        """What is stored and on its way to the detectors."""
        return self._publish_queue.waiting_bytes

    @property
    def repeated(self) -> int:
        """Items that were taken in before and came again."""
        return self._repeats.repeated

    @property
    def series(self) -> int:
        """Series that are known, of all tenants."""
        return len(self._table)

    async def accept(self, intake: Intake, author: str) -> Answer:
        """The intake's answer, once its batch is stored and published and its alerts are on the bus. author: the name
        of the key that it was sent with, AKESO for what Akeso fetched or says itself, ANONYMOUS.

        Raises Overloaded or Unavailable when it could not be; the sender should come back.
        """
        try:
            async with self._repeats.once(_signed(intake, author)) as fresh:
                # Pulled telemetry has nobody to be told that a series is one too many.
                if len(batch := self._within(fresh.batch)):
                    await self._take(batch)
                for alert in fresh.alerts:
                    await self._publish(Topic.ALERTS, alert.fingerprint, alert)
        except (Overloaded, Unavailable):
            self.refused += 1
            raise
        self.alerts += len(fresh.alerts)
        self._count_left_out(intake)
        return intake.answer

    def _count_left_out(self, intake: Intake) -> None:
        for field, count in intake.omitted.items():
            # Names of fields are those of the protocols, not the senders'.
            self.omitted[field] = self.omitted.get(field, 0) + count
            if self._is_news(intake, "", field):
                log.info("ingestion.omitted", tenant=intake.batch.tenant, field=field)
        if not intake.rejected:
            return
        self.rejected += sum(each.count for each in intake.rejected)
        first = intake.rejected[0]
        if self._is_news(intake, first.field, first.reason[:80]):
            log.warning("ingestion.rejected", tenant=intake.batch.tenant, first=str(first)[:200])

    def _is_news(self, intake: Intake, field: str, reason: str) -> bool:
        # Once a tenant and kind of fault: a sender that is wrong is wrong with every request.
        kind = (intake.batch.tenant, field, reason)
        if kind in self._said or len(self._said) >= _MOST_SAID:
            return False
        self._said.add(kind)
        return True

    async def start(self) -> None:
        """Hands the hot window out again, once in the life of the process; what came within a second as one batch."""
        if self._warm:
            return
        since = self._clock.nanoseconds() - duration_ns(self._options.hot_window)
        group: list[TelemetryBatch] = []
        async for sequence, batch in self._store.replay(self._table, since, self._handed_out):
            if self._first_live is not None and sequence >= self._first_live:
                continue  # It was handed out when it came, while this was going on.
            if group and batch.received_at // NANOSECONDS != group[-1].received_at // NANOSECONDS:
                await self._hand_out(group)
                group = []
            group.append(batch)
            self._repeats.remember(batch)
            self._collected = sequence
        await self._hand_out(group)
        self._warm = True
        log.info("ingestion.warm", batches=self.replayed)

    async def handle(self, message: Message) -> None:
        """There is nothing to consume."""
        del message

    async def tick(self, at: datetime) -> None:
        """Forgets what is older than the retention, once a minute."""
        if self._prune_at is not None and at < self._prune_at:
            return
        self._prune_at = at + self._options.prune_every
        before = self._clock.nanoseconds() - duration_ns(self._options.retention)
        self.pruned += await self._store.prune(before, self._options.retention_bytes)

    async def stop(self) -> None:
        """The store and the bus belong to the composition root."""

    async def _hand_out(self, group: Sequence[TelemetryBatch]) -> None:
        # Thousands of small batches cost the subscribers far more than the same second in one.
        for tenant, author in dict.fromkeys((batch.tenant, batch.author) for batch in group):
            merged = _merged([batch for batch in group if (batch.tenant, batch.author) == (tenant, author)])
            await self._bus.publish(Topic.RAW_EVENTS, tenant, self._within(merged))
        self.replayed += len(group)
        self._handed_out = self._collected

    def _within(self, batch: TelemetryBatch) -> TelemetryBatch:
        metrics = self._table.within(batch.metrics, batch.tenant)
        return batch if metrics is batch.metrics else replace(batch, metrics=metrics)

    async def _take(self, batch: TelemetryBatch) -> None:
        self._publish_queue.reserve(batch)
        try:
            sequence = await self._store.append(batch)
        except BaseException:
            self._publish_queue.release(batch)
            raise
        if self._first_live is None or sequence < self._first_live:
            self._first_live = sequence
        self.batches += 1
        self.points += len(batch)
        if sequence <= self._collected:
            self._publish_queue.release(batch)
            return
        try:
            async with asyncio.timeout(self._options.publish_within.total_seconds()):
                await self._publish_queue.pass_on(batch)
        except TimeoutError:
            # It is stored, and it is on its way; those who come while that is full are told to come back.
            log.warning("ingestion.subscribers_behind", bytes=self._publish_queue.waiting_bytes)

    async def _hand_over(self, batch: TelemetryBatch) -> None:
        await self._bus.publish(Topic.RAW_EVENTS, batch.tenant, batch)

    async def _publish(self, topic: Topic, key: str, payload: object) -> None:
        try:
            async with asyncio.timeout(self._options.publish_within.total_seconds()):
                await self._bus.publish(topic, key, payload)
        except TimeoutError as bad:
            raise Overloaded(f"the subscribers of {topic} are behind", self._options.retry_after) from bad


def _signed(intake: Intake, author: str) -> Intake:
    alerts = tuple([within_limits(replace(alert, author=author)) for alert in intake.alerts])
    return replace(intake, batch=replace(intake.batch, author=author), alerts=alerts)


def _merged(batches: Sequence[TelemetryBatch]) -> TelemetryBatch:
    """One batch of one tenant and author with the content of all, as of the last one's arrival."""
    metrics = [batch.metrics for batch in batches]
    return TelemetryBatch(
        batches[-1].tenant,
        batches[-1].received_at,
        metrics=MetricBlock(
            np.concatenate([block.series for block in metrics]),
            np.concatenate([block.time for block in metrics]),
            np.concatenate([block.value for block in metrics]),
        ),
        logs=tuple(chain.from_iterable(batch.logs for batch in batches)),
        spans=tuple(chain.from_iterable(batch.spans for batch in batches)),
        changes=tuple(chain.from_iterable(batch.changes for batch in batches)),
        author=batches[-1].author,
    )
