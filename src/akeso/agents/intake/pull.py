"""The pull agent: asks endpoints that somebody else runs, each at its own pace, and hands on what they had."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from akeso.domain.errors import CircuitOpen, InvalidInput, Overloaded, Unavailable
from akeso.domain.estate.access import AKESO
from akeso.domain.estate.topology import Edge
from akeso.domain.telemetry.batches import NANOSECONDS, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.engine.breaker import BreakerOptions, CircuitBreaker
from akeso.ports.bus import Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.puller import Puller, PullRequest, PullResult
from akeso.ports.source import Answer, Intake
from akeso.stages.features.pacing import paced

log = structlog.get_logger(__name__)

_PACE = NANOSECONDS
_LEAST_PAUSE = NANOSECONDS
_FAILURES = 5


@dataclass(frozen=True, slots=True)
class PullOptions:
    """When an endpoint is asked.

    every: the shortest time between two requests for news.
    delay: how long the endpoint takes until it holds all of an instant.
    backfill: how far back it is asked after Akeso or the endpoint was away; what is older is left out.
    stretch: the most pauses that are made up for at once.
    retry: how long after a failure it is asked again.
    """

    every: timedelta = timedelta(seconds=15)
    delay: timedelta = timedelta(seconds=2)
    backfill: timedelta = timedelta(minutes=10)
    stretch: int = 10
    retry: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Pulled:
    """An endpoint to pull from. name: unique; its place is remembered under it."""

    name: str
    tenant: str
    puller: Puller
    options: PullOptions


@dataclass(frozen=True, slots=True)
class PullSink:
    """Where pulled telemetry goes. is_open: whether anything is taken in yet; accept: makes it durable; learn: edges of
    a tenant's topology; marked, mark: a durable position under a name, ns, 0 if there is none."""

    is_open: Callable[[], bool]
    accept: Callable[[Intake, str], Awaitable[Answer]]
    learn: Callable[[str, Sequence[Edge]], None]
    marked: Callable[[str], Awaitable[int]]
    mark: Callable[[str, int], Awaitable[None]]


class PullMetrics:
    """What an operator sees of the endpoints."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter("akeso_pull_failures_total", "Requests that failed", ["endpoint"], registry=registry)
        self.samples = Counter("akeso_pull_samples_total", "Samples taken in", ["endpoint"], registry=registry)
        self.skipped = Counter("akeso_pull_skipped_total", "Items left out", ["endpoint"], registry=registry)
        self.behind = Gauge(
            "akeso_pull_behind_seconds", "Age of the last that was got", ["endpoint"], registry=registry
        )


class PullAgent:
    """Consumes no topics: it follows its endpoints in tasks of its own, so that a slow one holds up nobody.

    A dead endpoint is a warning and a metric; what it held meanwhile is asked for when it is back.
    """

    name = "pull"
    topics: tuple[Topic, ...] = ()

    def __init__(
        self, endpoints: Sequence[Pulled], sink: PullSink, clock: Clock, table: SeriesTable, metrics: PullMetrics
    ) -> None:
        self._followers = [_Follower(each, sink, clock, table, metrics) for each in endpoints]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to follow."""
        self._tasks = [asyncio.create_task(each.follow(), name=f"pull {each.name}") for each in self._followers]

    async def handle(self, message: Message) -> None:
        """There is nothing to consume."""
        del message

    async def tick(self, at: datetime) -> None:
        """The endpoints have a pace of their own."""
        del at

    async def stop(self) -> None:
        """Ends the tasks and lets go of the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self._followers:
            await each.close()


def _is_single(batch: TelemetryBatch) -> bool:
    """Whether there is about one value of each series, as of what is scraped no more often than it is asked for."""
    return not batch.logs and not batch.spans and 2 * len(np.unique(batch.metrics.series)) > len(batch.metrics)


class _Follower:
    """One endpoint's asker. What may be stamped at any time is handed on a slot at a time and always equally late, by
    a pause and the endpoint's delay, or each answer would look like a burst. What is measured no more often than it is
    asked for is handed on as it comes; what comes in steps as long as a pause is asked for when a step is over. Each
    batch says by how much it is late."""

    def __init__(self, pulled: Pulled, sink: PullSink, clock: Clock, table: SeriesTable, metrics: PullMetrics) -> None:
        self.name = pulled.name
        self._pulled, self._sink, self._clock, self._table = pulled, sink, clock, table
        self._metrics = metrics
        options = pulled.options
        self._every, self._delay = duration_ns(options.every), duration_ns(options.delay)
        breaker = BreakerOptions(_FAILURES, reset=4 * options.every)
        self._breaker = CircuitBreaker(pulled.name, clock, breaker)
        self._since: int | None = None
        self._step = 0

    async def follow(self) -> None:
        """For ever."""
        while True:
            began = self._clock.nanoseconds()
            try:
                await self._turn()
            except Exception:  # a defect of one puller must not stop the others
                self._metrics.failures.labels(self.name).inc()
                log.exception("pull.failed", endpoint=self.name)
            await self._until(self._next(began))

    async def close(self) -> None:
        await self._pulled.puller.close()

    def _next(self, began: int) -> int:
        if not self._in_steps:
            return began + self._every
        over = (began - self._delay) // self._step * self._step + self._step
        return max(over + self._delay, began + _LEAST_PAUSE)

    @property
    def _in_steps(self) -> bool:
        return self._step >= self._every

    async def _turn(self) -> None:
        if not self._sink.is_open():
            return
        if self._since is None:
            self._since = await self._begin()
        now = self._clock.nanoseconds()
        oldest = now - duration_ns(self._pulled.options.backfill)
        if self._since < oldest:
            log.warning("pull.gap", endpoint=self.name, seconds=(oldest - self._since) / NANOSECONDS)
            self._since = oldest
        until = min(now - self._delay, self._since + self._pulled.options.stretch * max(self._every, self._step))
        if until > self._since:
            pulled = await self._ask(PullRequest(self._pulled.tenant, self._since, until))
            if pulled is not None:
                await self._hand_on(pulled)
        self._metrics.behind.labels(self.name).set((self._clock.nanoseconds() - self._since) / NANOSECONDS)

    async def _begin(self) -> int:
        marked = await self._sink.marked(self._mark)
        return marked or self._clock.nanoseconds() - self._delay - self._every

    async def _ask(self, request: PullRequest) -> PullResult | None:
        try:
            return await self._breaker.call(lambda: self._pulled.puller.pull(request, self._table))
        except CircuitOpen:
            return None
        except (Unavailable, InvalidInput) as bad:
            self._metrics.failures.labels(self.name).inc()
            log.warning("pull.unanswered", endpoint=self.name, error=str(bad))
            return None

    async def _hand_on(self, pulled: PullResult) -> None:
        if pulled.edges:
            self._sink.learn(self._pulled.tenant, pulled.edges)
        if pulled.alerts or pulled.rejected:
            batch = TelemetryBatch(self._pulled.tenant, pulled.upto)
            await self._take(Intake(batch, Answer(), pulled.alerts, pulled.rejected))
            self._metrics.skipped.labels(self.name).inc(sum(each.count for each in pulled.rejected))
        self._step = pulled.step
        at_once = self._in_steps or _is_single(pulled.batch)
        for end, part in paced(pulled.batch, _PACE, pulled.upto):
            if not at_once:
                await self._until(end + self._every + self._delay)
            now = self._clock.nanoseconds()
            await self._take(Intake(replace(part, received_at=now, delay=max(now - end, 0)), Answer()))
            await self._advance(end)
        self._pulled.puller.accepted(pulled)
        await self._advance(pulled.upto)

    async def _take(self, intake: Intake) -> None:
        # Until there is room: what the endpoint holds meanwhile is not lost.
        while True:
            try:
                await self._sink.accept(intake, AKESO)
                break
            except Overloaded as full:
                await self._clock.sleep(full.retry_after)
            except Unavailable as bad:
                log.warning("pull.waits", endpoint=self.name, error=str(bad))
                await self._clock.sleep(self._pulled.options.retry)
        self._metrics.samples.labels(self.name).inc(len(intake.batch) + len(intake.alerts))

    async def _advance(self, upto: int) -> None:
        self._since = max(self._since or 0, upto)
        await self._sink.mark(self._mark, self._since)

    async def _until(self, instant: int) -> None:
        remaining = instant - self._clock.nanoseconds()
        if remaining > 0:
            await self._clock.sleep(timedelta(microseconds=-(-remaining // 1000)))

    @property
    def _mark(self) -> str:
        return f"pull:{self.name}"
