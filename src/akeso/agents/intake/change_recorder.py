"""The change recorder: what Akeso itself changes is recorded among the changes, like any other."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from akeso.domain.errors import NotFound
from akeso.domain.estate.access import AKESO
from akeso.domain.incident.events import ActionApplied, ActionUndone, Entry
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.engine.incident_store import IncidentStore
from akeso.ports.bus import Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.source import Answer, Intake
from akeso.stages.healing.own_changes import ChangeKinds, change_of


class ChangeRecorderAgent:
    """INCIDENT_LOG → changes, by the same way as those that people report (`accept` is the ingestion agent's). kinds:
    which actions change a service, and how."""

    name = "change_recorder"
    topics = (Topic.INCIDENT_LOG,)

    def __init__(
        self,
        incident_store: IncidentStore,
        accept: Callable[[Intake, str], Awaitable[Answer]],
        clock: Clock,
        kinds: ChangeKinds,
    ) -> None:
        self._incident_store, self._accept, self._clock, self._kinds = incident_store, accept, clock, kinds

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        entry: Entry = message.payload
        match entry.event:
            case ActionApplied(step=step):
                await self._report(entry, step, undone=False)
            case ActionUndone(step=step):
                await self._report(entry, step, undone=True)

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...

    async def _report(self, entry: Entry, step_id: str, *, undone: bool) -> None:
        try:
            incident = await self._incident_store.get(entry.incident)
        except NotFound:
            return
        change = change_of(incident.actions[step_id].step, entry.at, self._kinds, undone=undone)
        if change is not None:
            batch = TelemetryBatch(incident.tenant, self._clock.nanoseconds(), changes=(change,))
            await self._accept(Intake(batch, Answer()), AKESO)
