"""The explanation agent: a diagnosis that was made gets the words of a reasoner that takes its time."""

import asyncio
from datetime import datetime

import structlog

from akeso.agents.incidents.incident_context import IncidentContext
from akeso.domain.errors import AkesoError, Conflict
from akeso.domain.incident.events import DiagnosisMade, Entry, ExplanationGiven
from akeso.domain.incident.incident import Incident
from akeso.engine.incident_store import IncidentStore
from akeso.ports.bus import Message, Topic
from akeso.ports.reasoner import Consulting, Reasoner

log = structlog.get_logger(__name__)

_TRIES = 5


class ExplanationAgent:
    """INCIDENT_LOG → ExplanationGiven. Healing never waits for it: a message is handled once the asking has begun, and
    what was under way when the process ends is not asked again. at_once: explanations under way."""

    name = "explanation"
    topics = (Topic.INCIDENT_LOG,)

    def __init__(
        self, reasoner: Reasoner, incident_store: IncidentStore, context: IncidentContext, at_once: int = 2
    ) -> None:
        self._reasoner, self._incident_store, self._context = reasoner, incident_store, context
        self._turns = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        entry: Entry = message.payload
        if isinstance(entry.event, DiagnosisMade):
            self._begin(await self._incident_store.get(entry.incident))

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(self._reasoner, Consulting):
            await self._reasoner.close()

    def _begin(self, incident: Incident) -> None:
        # A newer diagnosis makes the words on an older one worthless.
        if (overtaken := self._tasks.pop(incident.id, None)) is not None:
            overtaken.cancel()
        task = asyncio.create_task(self._explain(incident), name=f"explaining {incident.id}")
        self._tasks[incident.id] = task
        task.add_done_callback(lambda done: self._left(incident.id, done))

    def _left(self, incident_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(incident_id) is task:
            del self._tasks[incident_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("explanation.failed", incident=incident_id, exc_info=error)

    async def _explain(self, incident: Incident) -> None:
        assert incident.diagnosis is not None
        async with self._turns:
            case = await self._context.case(incident)
            said = await self._reasoner.explain(case, incident.diagnosis)
            await self._record(incident, ExplanationGiven(incident.diagnoses, said))

    async def _record(self, incident: Incident, event: ExplanationGiven) -> None:
        for left in reversed(range(_TRIES)):
            try:
                await self._incident_store.record(incident.id, event, self.name)
            except Conflict:
                # Another process wrote to the incident at the same time.
                if not left:
                    raise
            except AkesoError as error:
                log.warning("explanation.lost", incident=incident.id, error=str(error))
                return
            else:
                return
