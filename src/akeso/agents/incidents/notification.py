"""The notification agent: the right people are told that an incident began, waits for them, or ended, and the next ones
are called where nobody answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from akeso.agents.incidents.held_notices import Held
from akeso.agents.incidents.notice_channel import NoticeChannel
from akeso.agents.incidents.notice_delivery import NoticeDelivery, NotificationOptions, Positions
from akeso.domain.errors import Conflict, InvalidTransition, NotFound
from akeso.domain.estate.service import Services
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import notice_of
from akeso.domain.incident.silence import Silence
from akeso.engine.incident_store import IncidentStore
from akeso.ports.bus import Message, Topic
from akeso.ports.clock import Clock
from akeso.ports.notifier import Notifier
from akeso.stages.notification.escalation import due_calls
from akeso.stages.notification.routing import told
from akeso.stages.notification.rules import Rules, everything_to


class _Forgotten:
    # Positions of nothing that outlives the process.
    async def mark(self, name: str, value: int) -> None:
        del name, value

    async def marked(self, name: str) -> int:
        del name
        return 0


def _no_silences() -> Sequence[Silence]:
    return ()


@dataclass(frozen=True, slots=True)
class Guidance:
    """What is known of whom to tell. rules: None: every notifier is told of everything; silences: those that hold."""

    rules: Rules | None = None
    services: Services = field(default_factory=Services)
    silences: Callable[[], Sequence[Silence]] = _no_silences


class NotificationAgent:
    """INCIDENT_LOG → notifiers, each at its own pace and in the order of the events.

    A message is handled once its notice waits; healing never waits for it. What still waits when the process ends is
    told by the next one: each notifier has a durable position in the journal, and a call is a line of the journal
    before anybody is called. A process that dies between telling and writing that down tells it again, under the same
    name (see akeso.ports.notifier).
    """

    name = "notification"
    topics = (Topic.INCIDENT_LOG,)

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        incident_store: IncidentStore,
        clock: Clock,
        options: NotificationOptions | None = None,
        positions: Positions | None = None,
        guidance: Guidance | None = None,
    ) -> None:
        self._options, self._guidance = options or NotificationOptions(), guidance or Guidance()
        self._rules = self._guidance.rules or everything_to(tuple(notifiers))
        self._incident_store, self._clock = incident_store, clock
        kept = positions or _Forgotten()
        self._channels = {
            name: NoticeChannel(
                NoticeDelivery(name, notifier, clock, self._options, kept), self._rules, self._guidance.services,
                one_each=getattr(notifier, "one_an_incident", False),
            )
            for name, notifier in notifiers.items()
        }  # fmt: skip
        self._touched: set[str] = set()
        self._looked: datetime | None = None

    async def start(self) -> None:
        """What the process before this one still had to tell, or held back, waits again."""
        for channel in self._channels.values():
            position = await channel.delivery.position()
            if position is None:
                await channel.delivery.begin(await self._last_line())
            else:
                await self._catch_up(channel, position, await channel.delivery.held.numbers())

    async def handle(self, message: Message) -> None:
        entry: Entry = message.payload
        self._touched.add(entry.incident)
        for channel in self._channels.values():
            await self._put(channel, entry)

    async def tick(self, at: datetime) -> None:
        """Tells what is held back no more, and calls who is to be called next."""
        await self._release(at)
        if not self._rules.chains:
            return
        touched, self._touched = self._touched, set()
        if self._looked is None or at - self._looked >= self._options.look:
            self._looked = at
            touched = {incident.id for incident in await self._incident_store.open_incidents()}
        for incident in sorted(touched):
            await self._call(incident, at)

    async def stop(self) -> None:
        await asyncio.gather(*(channel.delivery.close() for channel in self._channels.values()))

    async def _last_line(self) -> int:
        """The journal's last line; 0 for none."""
        newest = await self._incident_store.recent(limit=1)
        last = newest[0].sequence if newest else 0
        async for entry in self._incident_store.journal.all_entries(last):
            last = entry.sequence
        return last

    async def _catch_up(self, channel: NoticeChannel, position: int, held: frozenset[int]) -> None:
        oldest = self._clock.now() - self._options.keeps_trying
        first = min([position, *(sequence - 1 for sequence in held)])
        async for entry in self._incident_store.journal.all_entries(first):
            if entry.sequence in held:
                await self._hold_again(channel, entry)
                channel.delivery.settle(entry)
            elif entry.sequence > position and entry.at >= oldest:
                await self._put(channel, entry)
        await channel.delivery.held.write()

    async def _hold_again(self, channel: NoticeChannel, entry: Entry) -> None:
        incident = await self._incident_of(entry)
        if incident is None:
            return
        for each in told(self._rules, self._guidance.services, incident, entry, self._clock.now()):
            if each.channel == channel.delivery.name:
                channel.delivery.held.known(Held(entry, each))

    async def _put(self, channel: NoticeChannel, entry: Entry) -> None:
        incident = await self._incident_of(entry)
        if incident is None:
            return
        at, silences = self._clock.now(), self._guidance.silences()
        for each in told(self._rules, self._guidance.services, incident, entry, at):
            if each.channel == channel.delivery.name:
                await channel.take(incident, entry, each, silences, at)

    async def _incident_of(self, entry: Entry) -> Incident | None:
        """The incident of an entry that people are told of."""
        if notice_of(entry.event) is None:
            return None
        try:
            return await self._incident_store.get(entry.incident)
        except NotFound:
            return None

    async def _release(self, at: datetime) -> None:
        silences = self._guidance.silences()
        for channel in self._channels.values():
            names = {held.entry.incident for held in channel.delivery.held}
            if names:
                channel.release({name: await self._incident_store.get(name) for name in names}, silences, at)

    async def _call(self, incident_id: str, at: datetime) -> None:
        try:
            incident = await self._incident_store.get(incident_id)
            for call in due_calls(self._rules, self._guidance.services, incident, self._guidance.silences(), at):
                await self._incident_store.record(incident_id, call, self.name)
        except (NotFound, Conflict, InvalidTransition):
            # Nobody's, or somebody was first; it is looked at again soon.
            return
