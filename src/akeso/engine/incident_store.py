"""The incident register: the one way in which anything is written about an incident."""

import asyncio
import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from akeso.domain.errors import NotFound, Unavailable
from akeso.domain.estate.access import Role
from akeso.domain.incident.events import (
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    Entry,
    Event,
    IncidentDetected,
)
from akeso.domain.incident.evolution import evolve, fold
from akeso.domain.incident.incident import Incident
from akeso.ports.bus import Bus, Topic
from akeso.ports.clock import Clock
from akeso.ports.journal import Draft, Journal, Lease
from akeso.stages.healing.approval import Expired, Refused, ruling

log = structlog.get_logger(__name__)

Listener = Callable[[Incident, Entry], None]


def new_incident_id(at: datetime, token: Callable[[int], str] = secrets.token_hex) -> str:
    """A name that sorts by time and that a person can read out. token: a new word of so many bytes."""
    return f"inc-{at:%Y%m%d-%H%M%S}-{token(3)}"


@dataclass(frozen=True, slots=True)
class IncidentStoreOptions:
    """What is kept in memory.

    remembered: how many incidents are kept folded in memory.
    searched: how many recent ones are searched for a step that belongs to no open incident.
    new_id: makes the name of an incident from the instant at which it was detected.
    """

    remembered: int = 500
    searched: int = 200
    new_id: Callable[[datetime], str] = new_incident_id


class IncidentStore:
    """Folds incidents from the journal and appends to it. Writers of one incident take turns.

    Everything that `open` and `record` returned is durable. `listen` gives every entry that this register wrote to
    a callback on the event loop, after it became durable.
    """

    def __init__(self, journal: Journal, bus: Bus, clock: Clock, options: IncidentStoreOptions | None = None) -> None:
        self.journal, self._bus, self._clock = journal, bus, clock
        self._options = options or IncidentStoreOptions()
        self._folds: OrderedDict[str, Incident] = OrderedDict()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def open(self, event: IncidentDetected, actor: str) -> Incident:
        """A new incident."""
        incident_id = self._options.new_id(self._clock.now())
        async with self._turns[incident_id]:
            return await self._append(None, incident_id, event, actor, None)

    async def record(self, incident_id: str, event: Event, actor: str, lease: Lease | None = None) -> Incident:
        """The incident after `event`. Raises InvalidTransition when it does not fit, Conflict when another process
        wrote first (the next call sees what it wrote), LeaseLost, NotFound, Unavailable; then nothing was written."""
        async with self._turns[incident_id]:
            before = await self._folded(incident_id)
            return await self._append(before, incident_id, event, actor, lease)

    async def get(self, incident_id: str) -> Incident:
        """Raises NotFound."""
        return await self._folded(incident_id)

    async def read(self, incident_ids: Sequence[str]) -> Sequence[Incident]:
        """These incidents, in this order, to be shown: those that are not in memory do not push others out of it."""
        unknown = [i for i in incident_ids if i not in self._folds]
        read = {i: fold(entries) for i, entries in (await self.journal.histories(unknown)).items()}
        found = [self._folds.get(i) or read.get(i) for i in incident_ids]
        return [incident for incident in found if incident is not None]

    async def open_incidents(self) -> Sequence[Incident]:
        """Incidents that are not in a terminal state, oldest first."""
        return [await self._folded(i) for i in await self.journal.open_incidents()]

    async def recent(self, since: datetime | None = None, limit: int = 200) -> Sequence[Incident]:
        """Incidents detected at or after `since`, newest first."""
        return [await self._folded(i) for i in await self.journal.recent_incidents(since, limit)]

    async def of_step(self, step: str) -> Incident:
        """The incident that a step belongs to. Raises NotFound."""
        for incident in await self.recent(limit=self._options.searched):
            if step in incident.actions:
                return incident
        for incident in await self.open_incidents():
            if step in incident.actions:
                return incident
        raise NotFound(f"there is no action {step}")

    async def approve(self, step: str, by: str, role: Role, *, dry_run: bool = True, comment: str = "") -> Incident:
        """A person says yes to a step that waits; with `dry_run` only to a preview. Raises NotFound, Forbidden when
        the role may not, Conflict when the step does not wait (any more)."""
        event = ApprovalGranted(step, by, role.name.lower(), dry_run, comment)
        return await self._decide(step, event, by, role)

    async def reject(self, step: str, by: str, role: Role, *, reason: str = "") -> Incident:
        """A person says no. Raises as `approve` does."""
        return await self._decide(step, ApprovalRejected(step, by, role.name.lower(), reason), by, role)

    async def _decide(self, step: str, event: Event, by: str, role: Role) -> Incident:
        incident_id = (await self.of_step(step)).id
        async with self._turns[incident_id]:
            incident = await self._folded(incident_id)
            await self._refuse(incident, step, by, role)
            return await self._append(incident, incident_id, event, by, None)

    async def _refuse(self, incident: Incident, step: str, by: str, role: Role) -> None:
        match ruling(incident, step, role, self._clock.now()):
            case Refused(error):
                raise error
            case Expired(error):
                await self._append(incident, incident.id, ApprovalExpired(step), by, None)
                raise error
            case None:
                return

    def forget(self, incident_id: str) -> None:
        """Fold this incident from the journal again when it is next asked for."""
        self._folds.pop(incident_id, None)

    async def _folded(self, incident_id: str) -> Incident:
        known = self._folds.get(incident_id)
        if known is None:
            known = fold(await self.journal.entries(incident_id)) if incident_id else None
            if known is None:
                raise NotFound(f"there is no incident {incident_id}")
            self._keep(known)
        return known

    async def _append(
        self, before: Incident | None, incident_id: str, event: Event, actor: str, lease: Lease | None
    ) -> Incident:
        at = self._clock.now()
        expected = before.sequence if before else 0
        after = evolve(before, Entry(expected + 1, incident_id, at, actor, event))
        try:
            entry = await self.journal.append(Draft(incident_id, event, actor, at, expected, after, lease))
        except BaseException:
            # Another process wrote first, or (a time-out, a cancellation) nobody knows whether this line was written.
            # The journal knows.
            self.forget(incident_id)
            raise
        incident = replace(after, sequence=entry.sequence)
        self._keep(incident)
        await self._tell(incident, entry)
        return incident

    def _keep(self, incident: Incident) -> None:
        self._folds[incident.id] = incident
        self._folds.move_to_end(incident.id)
        if len(self._folds) > self._options.remembered:
            oldest, _ = self._folds.popitem(last=False)
            if oldest in self._turns and not self._turns[oldest].locked():
                del self._turns[oldest]

    async def _tell(self, incident: Incident, entry: Entry) -> None:
        for listener in self._listeners:
            listener(incident, entry)
        try:
            await self._bus.publish(Topic.INCIDENT_LOG, incident.id, entry)
        except Unavailable as error:
            # The event is in the journal; a bus that is down must not make the writer believe it is not.
            log.warning("incident_log.unpublished", incident=incident.id, sequence=entry.sequence, error=str(error))
