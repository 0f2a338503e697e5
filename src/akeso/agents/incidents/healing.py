"""The healing agent: what is noticed becomes incidents, and every incident gets a worker that takes it to its end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from akeso.agents.incidents.inbox import Inbox
from akeso.agents.incidents.move_executor import HealingDeps, MoveExecutor
from akeso.agents.incidents.worker import Worker, WorkerOptions
from akeso.domain.detection.anomaly import Alert
from akeso.domain.errors import Conflict
from akeso.domain.incident.events import AnalysisStarted, Entry
from akeso.domain.incident.incident import Incident, IncidentStatus
from akeso.domain.incident.silence import Silence
from akeso.domain.messages import ConfigUpdate, Decision, Feedback, PolicyAnswer
from akeso.ports.bus import Message, Topic
from akeso.ports.window import TelemetryWindow
from akeso.stages.correlation.scene import CorrelateOptions
from akeso.stages.healing.advance import AdvanceOptions

log = structlog.get_logger(__name__)

Mark = Callable[[int], Awaitable[None]]
_BUSY = (IncidentStatus.EXECUTING, IncidentStatus.VERIFYING)


async def unmarked(end: int) -> None:
    """Remembers nothing: every decision is taken in again after a restart."""
    del end


@dataclass(frozen=True, slots=True)
class HealingOptions:
    """From what is noticed to incidents and their workers.

    advance: when an incident takes its next step.
    correlate: what belongs to the same incident.
    worker: the workers of incidents.
    retry: how long an incident whose worker gave up or lost its lease waits for a new worker.
    looked_back: how many recent incidents are searched at the start for lessons that were not learnt.
    """

    advance: AdvanceOptions = field(default_factory=AdvanceOptions)
    correlate: CorrelateOptions = field(default_factory=CorrelateOptions)
    worker: WorkerOptions = field(default_factory=WorkerOptions)
    retry: timedelta = timedelta(seconds=15)
    looked_back: int = 50


class HealingAgent:
    """DECISIONS and ALERTS → incidents; one worker an incident.

    A message is handled once what it means is in the journal; the work itself goes on behind. `mark` is called with
    the end (ns) of the last slot whose decision needs not be seen again after a restart.
    """

    name = "healing"
    topics = (Topic.DECISIONS, Topic.ALERTS, Topic.POLICY_DECISIONS, Topic.FEEDBACK, Topic.CONFIG_UPDATES)

    def __init__(
        self,
        deps: HealingDeps,
        window: TelemetryWindow,
        options: HealingOptions | None = None,
        mark: Mark = unmarked,
        silences: Callable[[], Sequence[Silence]] = tuple,
    ) -> None:
        self._options = options or HealingOptions()
        self._deps, self._mark = deps, mark
        self._executor = MoveExecutor(deps, self._options.worker.actor, self._options.advance)
        self._inbox = Inbox(deps, window, self._options.correlate, self._options.worker.actor, silences)
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self._rests: dict[str, datetime] = {}
        self._listening = False

    async def start(self) -> None:
        """Takes up every incident that is open, or that nothing was learned from yet."""
        if not self._listening:
            self._deps.incident_store.listen(self._heard)
            self._listening = True
        await self._inbox.load(self._options.looked_back)
        await self.tick(self._deps.clock.now())

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Decision() as decision:
                await self._inbox.decided(decision)
                await self._mark(self._inbox.settled(decision.end))
            case Alert() as alert:
                await self._inbox.alerted(alert)
            case PolicyAnswer() as answer:
                self._deps.gate.answered(answer)
            case Feedback() as feedback:
                await self._inbox.judged(feedback)
            case ConfigUpdate() as update:
                self._configured(update)
            case other:
                log.warning("healing.not_understood", topic=message.topic, kind=type(other).__name__)

    async def tick(self, at: datetime) -> None:
        """Every incident that needs one gets a worker; alerts that were held back are looked at again."""
        await self._inbox.looked_again()
        for incident_id in self._inbox.unfinished:
            known = self._workers.get(incident_id)
            if known is None and self._rests.get(incident_id, at) <= at:
                self._employ(incident_id)

    async def stop(self) -> None:
        """Workers stop at once; effects under way are waited for, so that their outcomes are written."""
        tasks = [task for _, task in self._workers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._deps.effects.drain()

    async def analyze(self, incident_id: str, by: str) -> None:
        """A person asks for a (new) diagnosis and plan. Raises NotFound, Conflict when it is over or being healed."""
        incident = await self._deps.incident_store.get(incident_id)
        if incident.status.over or incident.status in _BUSY:
            raise Conflict(f"incident {incident_id} is {incident.status}: there is nothing to analyze")
        await self._deps.incident_store.record(incident_id, AnalysisStarted(by), by)

    @property
    def working(self) -> frozenset[str]:
        """Ids of the incidents that have a worker."""
        return frozenset(self._workers)

    def _employ(self, incident_id: str) -> None:
        worker = Worker(incident_id, self._executor, self._deps, self._options.worker)
        task = asyncio.create_task(worker.run(), name=f"healing {incident_id}")
        self._workers[incident_id] = worker, task
        task.add_done_callback(lambda done: self._left(incident_id, done))

    def _left(self, incident_id: str, task: asyncio.Task[None]) -> None:
        del self._workers[incident_id]
        now = self._deps.clock.now()
        self._rests = {i: until for i, until in self._rests.items() if until > now}
        self._rests[incident_id] = now + self._options.retry
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("healing.worker_died", incident=incident_id, exc_info=error)

    def _heard(self, incident: Incident, entry: Entry) -> None:
        del entry
        self._inbox.noted(incident)
        if incident.id in self._workers:
            self._workers[incident.id][0].wake()
        else:
            self._rests.pop(incident.id, None)

    def _configured(self, update: ConfigUpdate) -> None:
        # Only towards caution: that effects may run at all is said by the settings, not by a message.
        if update.name == "dry_run" and update.value.lower() == "true":
            log.warning("healing.dry_run", by=update.by, reason=update.reason)
            self._executor.options = replace(self._executor.options, dry_run=True)
