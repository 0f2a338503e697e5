"""Keeps the agents alive: a dead one and one that no longer beats is started again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from akeso.agents.runtime.agent import Agent
from akeso.agents.runtime.metrics import AgentMetrics, watch_loop_lag
from akeso.agents.runtime.runner import AgentRunner
from akeso.domain.errors import NotFound, Unavailable
from akeso.ports.clock import Clock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """When agents are restarted.

    hung_after: an agent without a heartbeat for so long is restarted whatever anybody decides. An incident about it is
        opened at half that time, and an agent that incidents depend on may be the one that hangs.
    start_within: how long an agent may take to start.
    look_every: how often the agents are checked.
    first_wait: the wait before an agent that died is restarted; it doubles with each death in a row.
    longest_wait: no wait before a restart is longer.
    """

    hung_after: timedelta = timedelta(seconds=60)
    start_within: timedelta = timedelta(seconds=60)
    look_every: timedelta = timedelta(seconds=1)
    first_wait: timedelta = timedelta(milliseconds=200)
    longest_wait: timedelta = timedelta(seconds=30)


class Supervisor:
    """Runs agents until stopped. Agents join their topics before any of them starts, so that no message is missed."""

    def __init__(
        self,
        agents: Sequence[Agent],
        runner: Callable[[Agent], AgentRunner],
        clock: Clock,
        metrics: AgentMetrics,
        options: SupervisorOptions | None = None,
    ) -> None:
        self._agents, self._new_runner = agents, runner
        self._clock, self._metrics = clock, metrics
        self._options = options or SupervisorOptions()
        self._runners: dict[str, AgentRunner] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._go = asyncio.Event()
        self._renewed = asyncio.Condition()

    async def start(self) -> None:
        """Returns when every agent has started. Raises Unavailable naming those that do not."""
        self._runners = {agent.name: self._new_runner(agent) for agent in self._agents}
        milestones = [runner.milestones for runner in self._runners.values()]
        self._tasks = [asyncio.create_task(self._keep(agent), name=agent.name) for agent in self._agents]
        self._tasks.append(asyncio.create_task(watch_loop_lag(self._metrics), name="loop-lag"))
        try:
            async with asyncio.timeout(self._options.start_within.total_seconds()):
                await asyncio.gather(*(m.joined.wait() for m in milestones))
                self._go.set()
                await asyncio.gather(*(m.started.wait() for m in milestones))
        except TimeoutError as late:
            missing = ", ".join(name for name, up in self.alive.items() if not up)
            raise Unavailable(f"not started within {self._options.start_within}: {missing}") from late

    async def stop(self) -> None:
        """Cancels every agent and waits until it has stopped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def restart(self, name: str) -> None:
        """End this life of an agent, hung or not; returns when the next has begun. Raises NotFound."""
        if name not in self._lives:
            raise NotFound(f"there is no agent {name}")
        before = self._runners[name]
        self._lives[name].cancel()
        async with self._renewed:
            await self._renewed.wait_for(lambda: self._runners[name] is not before)

    @property
    def alive(self) -> dict[str, bool]:
        """Agent name → whether it has started and beats."""
        now = self._clock.monotonic()
        limit = self._options.hung_after.total_seconds()
        return {name: r.milestones.started.is_set() and now - r.last_beat < limit for name, r in self._runners.items()}

    async def _keep(self, agent: Agent) -> None:
        wait = self._options.first_wait
        while True:
            runner = self._runners[agent.name]
            began = self._clock.monotonic()
            await self._one_life(runner)
            if self._clock.monotonic() - began > self._options.longest_wait.total_seconds():
                wait = self._options.first_wait
            self._metrics.restarts.labels(agent.name).inc()
            await self._clock.sleep(wait)
            wait = min(wait * 2, self._options.longest_wait)
            successor = self._new_runner(agent)
            successor.milestones = runner.milestones
            self._runners[agent.name] = successor
            async with self._renewed:
                self._renewed.notify_all()

    async def _one_life(self, runner: AgentRunner) -> None:
        task = self._lives[runner.agent.name] = asyncio.create_task(runner.run(self._go))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self._options.look_every.total_seconds())
                if self._hung(runner):
                    log.error("agent.hung", agent=runner.agent.name)
                    return
            if not task.cancelled() and (error := task.exception()) is not None:
                if away := _away(error):
                    log.warning("agent.cut_off", agent=runner.agent.name, error=away)
                else:
                    log.error("agent.died", agent=runner.agent.name, exc_info=error)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _hung(self, runner: AgentRunner) -> bool:
        if not runner.milestones.started.is_set():
            return False
        return self._clock.monotonic() - runner.last_beat > self._options.hung_after.total_seconds()


def _away(error: BaseException) -> str:
    """What is away, if nothing else went wrong: no defect, so nobody needs to see where it was noticed."""
    if isinstance(error, BaseExceptionGroup):
        said = {_away(each) for each in error.exceptions}
        return "; ".join(sorted(said)) if all(said) else ""
    return str(error) if isinstance(error, Unavailable) else ""
