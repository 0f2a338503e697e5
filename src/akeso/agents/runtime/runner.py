"""What all agents share: consume → handle → commit, with retries, a circuit breaker, ticks and heartbeats."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import random

import structlog

from akeso.agents.runtime.agent import Agent
from akeso.agents.runtime.metrics import AgentMetrics
from akeso.domain.errors import CircuitOpen, Overloaded, Unavailable
from akeso.domain.messages import Heartbeat
from akeso.engine.breaker import CircuitBreaker
from akeso.ports.bus import Bus, Message, Subscription, Topic
from akeso.ports.clock import Clock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How agents are run.

    tick: how often an agent's `tick` is called.
    heartbeat: how often a running agent says that it is alive.
    attempts: tries of one message before it is given up.
    first_wait: the wait before the second try; it doubles with each.
    longest_wait: no wait between two tries is longer.
    jitter: by how much a wait is longer at random.
    """

    tick: timedelta = timedelta(milliseconds=250)
    heartbeat: timedelta = timedelta(seconds=1)
    attempts: int = 4
    first_wait: timedelta = timedelta(milliseconds=50)
    longest_wait: timedelta = timedelta(seconds=1)
    jitter: timedelta = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Milestones:
    """How far an agent has come, over all its lives."""

    joined: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)


class AgentRunner:
    """Runs one agent until cancelled. A message whose dependency is down waits; one that is itself bad is given up."""

    def __init__(
        self, agent: Agent, bus: Bus, clock: Clock, metrics: AgentMetrics, options: RuntimeOptions | None = None
    ) -> None:
        self.agent = agent
        self.milestones = Milestones()
        self.last_beat: float = clock.monotonic()
        self._bus, self._clock, self._metrics = bus, clock, metrics
        self._options = options or RuntimeOptions()
        self._breaker = CircuitBreaker(agent.name, clock)
        self._turn = asyncio.Lock()
        self._handled = self._failed = 0
        self._lag_s = 0.0

    async def run(self, go: asyncio.Event) -> None:
        """Join the topics, wait for `go` (all agents have joined), start the agent, then work for ever."""
        async with self._bus.subscribe(self.agent.topics, self.agent.name) as subscription:
            self.milestones.joined.set()
            await go.wait()
            await self.agent.start()
            self.milestones.started.set()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._consume(subscription))
                    tasks.create_task(self._ticks())
                    tasks.create_task(self._beat())
            finally:
                await self.agent.stop()

    async def _consume(self, subscription: Subscription) -> None:
        async for message in subscription:
            started = self._clock.monotonic()
            await self._handle(message)
            await subscription.commit(message)
            self._handled += 1
            self._lag_s = self._clock.monotonic() - started
            self._metrics.handled.labels(self.agent.name).inc()
            self._metrics.seconds.labels(self.agent.name).observe(self._lag_s)
            # Until the next one comes nobody needs it, and a prediction is large.
            del message

    async def _handle(self, message: Message) -> None:
        while True:
            try:
                await self._breaker.call(lambda: self._attempts(message))
            except CircuitOpen:
                # Not at once: what the agent calls may have a breaker of its own, and this one be closed.
                await self._clock.sleep(max(self._breaker.remaining, self._options.first_wait))
            except (Unavailable, Overloaded) as error:
                log.warning("agent.waits", agent=self.agent.name, topic=message.topic, error=str(error))
                await self._clock.sleep(self._options.heartbeat)
            except Exception:
                self._metrics.dropped.labels(self.agent.name).inc()
                log.exception("agent.message_given_up", agent=self.agent.name, topic=message.topic, key=message.key)
                return
            else:
                return

    async def _attempts(self, message: Message) -> None:
        wait = self._options.first_wait
        for left in reversed(range(self._options.attempts)):
            try:
                await self._counted(lambda: self.agent.handle(message))
            except Exception as error:
                if not left:
                    raise
                log.warning("agent.tries_again", agent=self.agent.name, topic=message.topic, error=str(error))
            else:
                return
            # On the loop's own time: a clock that stands still must not keep an agent from trying again.
            await asyncio.sleep((wait + random() * self._options.jitter).total_seconds())
            wait = min(2 * wait, self._options.longest_wait)

    async def _ticks(self) -> None:
        while True:
            try:
                await self._counted(lambda: self.agent.tick(self._clock.now()))
            except (Unavailable, Overloaded) as error:
                log.warning("agent.tick_cut_off", agent=self.agent.name, error=str(error))
            except Exception:
                log.exception("agent.tick_failed", agent=self.agent.name)
            await self._clock.sleep(self._options.tick)

    async def _counted(self, call: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            try:
                await call()
            except Exception:
                self._failed += 1
                self._metrics.failed.labels(self.agent.name).inc()
                raise

    async def _beat(self) -> None:
        while True:
            # A hung handler must miss its heartbeat, so the beat takes its turn like every other call.
            async with self._turn:
                self.last_beat = self._clock.monotonic()
            beat = Heartbeat(self.agent.name, self._clock.now(), self._handled, self._failed, self._lag_s)
            await self._bus.publish(Topic.AGENT_METRICS, self.agent.name, beat)
            await self._clock.sleep(self._options.heartbeat)
