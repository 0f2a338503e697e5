"""What people answer in a channel: done in their name, checked as by any other door, and written down when refused."""

from datetime import datetime, timedelta

from akeso.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from akeso.domain.estate.access import Caller, Role
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.person_events import AnswerRefused, IncidentAcknowledged
from akeso.engine.incident_store import IncidentStore
from akeso.engine.system_lines import write_line
from akeso.ports.clock import Clock

# Of refusals for one reason: anybody can send a forged request, and the journal is kept for years.
_EVERY = timedelta(minutes=1)


class ChannelAnswers:
    """Answers of people whom a channel knows."""

    def __init__(self, incidents: IncidentStore, clock: Clock) -> None:
        self._incidents, self._clock = incidents, clock
        self._written: dict[tuple[str, str], datetime] = {}
        self._untold: dict[tuple[str, str], int] = {}
        self._seen = 0

    async def answer(self, caller: Caller, verb: str, target: str) -> str:
        """What came of it, in words. verb: acknowledge (an incident), approve, preview or reject (a step). Raises
        Forbidden, NotFound, and Conflict when it was done already or somebody else was first."""
        match verb:
            case "acknowledge":
                return await self._acknowledge(caller, target)
            case "approve" | "preview":
                _check_own(caller, await self._incidents.of_step(target))
                await self._incidents.approve(target, caller.name, caller.role, dry_run=verb == "preview")
                return f"{caller.name} approved {target}" + (" as a preview" if verb == "preview" else "")
            case "reject":
                _check_own(caller, await self._incidents.of_step(target))
                await self._incidents.reject(target, caller.name, caller.role)
                return f"{caller.name} rejected {target}"
        raise InvalidInput("action_id", f"there is no answer {verb}")

    async def refuse(self, channel: str, by: str, why: str) -> None:
        """Written into the journal; of many for one reason one line a minute, which says how many."""
        now, kind = self._clock.now(), (channel, why)
        times = self._untold.pop(kind, 0) + 1
        if kind in self._written and now - self._written[kind] < _EVERY:
            self._untold[kind] = times
            return
        self._written[kind] = now
        refused = AnswerRefused(channel, by, why, times)
        await write_line(self._incidents.journal, self._clock, refused, channel, self._newest)

    async def _newest(self) -> int:
        for line in await self._incidents.journal.entries("", self._seen):
            self._seen = line.sequence
        return self._seen

    async def _acknowledge(self, caller: Caller, target: str) -> str:
        incident = await self._incidents.get(target)
        _check_own(caller, incident)
        if caller.role < Role.OPERATOR:
            raise Forbidden(f"{caller.name} is {caller.role.name.lower()}; this needs operator")
        if incident.attention.acknowledged_by:
            raise Conflict(f"{incident.attention.acknowledged_by} acknowledged it already")
        if incident.status.over:
            raise Conflict(f"incident {incident.id} is {incident.status} already")
        await self._incidents.record(incident.id, IncidentAcknowledged(caller.name), caller.name)
        return f"{caller.name} acknowledged {incident.id}"


def _check_own(caller: Caller, incident: Incident) -> None:
    if incident.tenant != caller.tenant:
        raise NotFound(f"there is no incident {incident.id}")
