"""The healing agent without hands: every incident is taken as far as a verdict, and nothing is done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from akeso.agents.healing.agent import HealingOptions
from akeso.agents.healing.inbox import Inbox
from akeso.agents.healing.performer import Hands, Performer
from akeso.domain.anomaly import Alert
from akeso.domain.events import Entry
from akeso.domain.incident import Incident
from akeso.domain.messages import Decision, PolicyAnswer
from akeso.ports.bus import Message, Topic
from akeso.ports.journal import Lease
from akeso.ports.window import TelemetryWindow
from akeso.stages.advance import View, next_move
from akeso.stages.moves import Execute, Look, Nothing, Undo

_LEASED = timedelta(days=1)


class RehearsalAgent:
    """DECISIONS and ALERTS → incidents, correlated, diagnosed, planned and put to governance as the healing agent does.

    Where that would act, this writes down when; the incident then goes on as an untouched one. One incident after the
    other and on the clock it is given, so that a recording leads to the same incidents every time.
    """

    name = "healing"
    topics = (Topic.DECISIONS, Topic.ALERTS, Topic.POLICY_DECISIONS)

    def __init__(self, hands: Hands, window: TelemetryWindow, options: HealingOptions | None = None) -> None:
        self._options = options or HealingOptions()
        self._hands, actor = hands, self._options.worker.actor
        self._performer = Performer(hands, actor, self._options.advance)
        self._inbox = Inbox(hands, window, self._options.correlate, actor, tuple)
        self._due: dict[str, datetime] = {}
        self._leases: dict[str, Lease] = {}
        self._would_act: dict[str, datetime] = {}

    @property
    def would_act(self) -> Mapping[str, datetime]:
        """Step id → when it would have been done."""
        return MappingProxyType(self._would_act)

    @property
    def unfinished(self) -> bool:
        """Whether some incident still has something to come."""
        return bool(self._inbox.unfinished)

    async def start(self) -> None:
        """Hears of every event from now on."""
        self._hands.register.listen(self._heard)

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Decision() as decision:
                await self._inbox.decided(decision)
            case Alert() as alert:
                await self._inbox.alerted(alert)
            case PolicyAnswer() as answer:
                self._hands.gate.answered(answer)

    async def tick(self, at: datetime) -> None:
        """Every incident that is due goes on until it has to wait."""
        for incident_id in self._inbox.unfinished:
            if self._due.get(incident_id, at) <= at:
                rest = await self._go_on(incident_id)
                self._due[incident_id] = min(rest, at + self._options.worker.poll)

    async def stop(self) -> None:
        """Nothing is under way."""

    async def _go_on(self, incident_id: str) -> datetime:
        """Move by move, until when to wait."""
        hands = self._hands
        while True:
            now = hands.clock.now()
            incident = await hands.register.get(incident_id)
            view = View(now, hands.casework.quiet(incident), hands.effects.reversible)
            move = next_move(incident, view, self._performer.options)
            match move:
                case Nothing():
                    self._leases.pop(incident_id, None)
                    return now
                case Execute(step) | Undo(step) | Look(step):
                    self._would_act.setdefault(step.id, now)
                    return now + self._options.worker.poll
            until = await self._performer.perform(incident, move, await self._leased(incident_id, now))
            if until is not None:
                return until

    async def _leased(self, incident_id: str, now: datetime) -> Lease:
        lease = self._leases.get(incident_id)
        if lease is None or lease.expires_at - now < _LEASED / 2:
            journal, owner = self._hands.register.journal, self._options.worker.owner
            lease = self._leases[incident_id] = await journal.acquire(incident_id, owner, _LEASED, now)
        return lease

    def _heard(self, incident: Incident, entry: Entry) -> None:
        del entry
        self._inbox.noted(incident)
        self._due.pop(incident.id, None)
