"""A worker: takes one incident to its end, move by move."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from akeso.agents.incidents.move_executor import HealingDeps, MoveExecutor
from akeso.domain.errors import Conflict, LeaseLost, Unavailable
from akeso.domain.incident.events import IncidentFailed
from akeso.domain.incident.incident import Incident
from akeso.ports.journal import Lease
from akeso.stages.healing.advance import View, next_move
from akeso.stages.healing.moves import Nothing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The workers of incidents.

    owner: in whose name leases are held; the same after a restart of the same process, so that it can go on at once.
    actor: in whose name a worker writes into the journal.
    lease: how long a lease lasts; longer than any effect.
    poll: how often a waiting worker looks for news.
    failures: after so many failures in a row the incident has failed.
    first_wait: the wait after the first failure; it doubles with each.
    """

    owner: str = "akeso"
    actor: str = "healing"
    lease: timedelta = timedelta(seconds=90)
    poll: timedelta = timedelta(milliseconds=500)
    failures: int = 6
    first_wait: timedelta = timedelta(milliseconds=250)


@dataclass(slots=True)
class Worker:
    """Loops over fold → next move → perform. It keeps nothing that the journal does not hold but its lease."""

    incident_id: str
    executor: MoveExecutor
    deps: HealingDeps
    options: WorkerOptions
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _lease: Lease | None = None
    _failures: int = 0

    def wake(self) -> None:
        """Something happened: look up now."""
        self._wake.set()

    async def run(self) -> None:
        """Returns when nothing is left to do, or when another process works on this incident."""
        while True:
            self._wake.clear()
            try:
                done = await self._once()
            except LeaseLost as lost:
                log.info("healing.lease_lost", incident=self.incident_id, error=str(lost))
                return
            except Conflict:
                # Somebody wrote to the incident meanwhile; the fold will be fresh.
                await self.deps.clock.sleep(self.options.first_wait / 10)
            # The boundary of a worker: one incident that cannot be healed must not stop the others.
            except Exception as error:  # noqa: BLE001 - recorded in `_stumbled`
                if not await self._stumbled(error):
                    return
            else:
                self._failures = 0
                if done:
                    await self._release()
                    return

    async def _once(self) -> bool:
        deps, now = self.deps, self.deps.clock.now()
        incident = await deps.incident_store.get(self.incident_id)
        view = View(now, deps.context.quiet(incident), deps.effects.reversible)
        move = next_move(incident, view, self.executor.options)
        if isinstance(move, Nothing):
            return True
        until = await self.executor.perform(incident, move, await self._leased(now))
        if until is not None:
            await self._pause(until)
        return False

    async def _leased(self, now: datetime) -> Lease:
        # Renewed at half time, so that a lease never ends while an effect runs.
        if self._lease is None or self._lease.expires_at - now < self.options.lease / 2:
            journal = self.deps.incident_store.journal
            self._lease = await journal.acquire(self.incident_id, self.options.owner, self.options.lease, now)
        return self._lease

    async def _release(self) -> None:
        if self._lease is not None:
            await self.deps.incident_store.journal.release(self._lease)

    async def _pause(self, until: datetime) -> None:
        rest = min(until - self.deps.clock.now(), self.options.poll)
        waits = {asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self.deps.clock.sleep(rest))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _stumbled(self, error: Exception) -> bool:
        """After a failure: whether to go on."""
        self._failures += 1
        unavailable = isinstance(error, Unavailable)
        if unavailable:
            log.warning("healing.waits", incident=self.incident_id, error=str(error))
        else:
            log.exception("healing.stumbled", incident=self.incident_id, failures=self._failures, exc_info=error)
        if not unavailable and self._failures >= self.options.failures:
            return await self._give_up(error)
        doublings = min(self._failures - 1, 5)
        await self.deps.clock.sleep(self.options.first_wait * 2**doublings)
        return True

    async def _give_up(self, error: Exception) -> bool:
        incident: Incident = await self.deps.incident_store.get(self.incident_id)
        if incident.status.at_rest:
            return False
        said = f"healing broke {self._failures} times in a row: {type(error).__name__}: {error}"
        await self.deps.incident_store.record(self.incident_id, IncidentFailed(said), self.options.actor, self._lease)
        self._failures = 0
        return True
