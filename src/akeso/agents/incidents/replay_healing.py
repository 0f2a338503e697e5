"""The healing agent without effects: incidents are taken as far as a verdict, and nothing is done.

Where the recording shows that Akeso did then what it would do now (a change that it recorded), the incident goes on
from there as it did, to its verification.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from akeso.agents.incidents.healing import HealingOptions
from akeso.agents.incidents.inbox import Inbox
from akeso.agents.incidents.move_executor import HealingDeps, MoveExecutor
from akeso.domain.detection.anomaly import Alert
from akeso.domain.incident.events import ActionApplied, ActionIntended, ActionUndone, Entry, Event, UndoIntended
from akeso.domain.incident.incident import Incident
from akeso.domain.messages import Decision, PolicyAnswer
from akeso.domain.telemetry.batches import Change
from akeso.domain.telemetry.times import epoch_ns
from akeso.ports.bus import Message, Topic
from akeso.ports.journal import Lease
from akeso.ports.window import TelemetryWindow
from akeso.stages.healing.advance import View, next_move
from akeso.stages.healing.moves import Execute, Look, Nothing, Undo
from akeso.stages.healing.own_changes import BY, ChangeKinds, change_of

_LEASED = timedelta(days=1)
# A change in the recording that is older was not made for what would be done now.
_RECENT = timedelta(seconds=5)


class ReplayHealingAgent:
    """DECISIONS and ALERTS → incidents, correlated, diagnosed, planned and put to governance as the healing agent does.

    Where that would act, this writes down when; unless the recording shows that it was done, the incident goes on as an
    untouched one. One incident after the other and on the clock it is given, so that a recording leads to the same
    incidents every time.
    """

    name = "healing"
    topics = (Topic.DECISIONS, Topic.ALERTS, Topic.POLICY_DECISIONS)

    def __init__(
        self, deps: HealingDeps, window: TelemetryWindow, kinds: ChangeKinds, options: HealingOptions | None = None
    ) -> None:
        """kinds: which actions change a service, and how."""
        self._options, self._kinds = options or HealingOptions(), kinds
        self._deps, actor = deps, self._options.worker.actor
        self._executor = MoveExecutor(deps, actor, self._options.advance)
        self._inbox = Inbox(deps, window, self._options.correlate, actor, tuple)
        self._due: dict[str, datetime] = {}
        self._leases: dict[str, Lease] = {}
        self._would_act: dict[str, datetime] = {}
        self._window = window
        self._used: set[Change] = set()

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
        self._deps.incident_store.listen(self._heard)

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Decision() as decision:
                await self._inbox.decided(decision)
            case Alert() as alert:
                await self._inbox.alerted(alert)
            case PolicyAnswer() as answer:
                self._deps.gate.answered(answer)

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
        deps = self._deps
        while True:
            now = deps.clock.now()
            incident = await deps.incident_store.get(incident_id)
            view = View(now, deps.context.quiet(incident), deps.effects.reversible)
            move = next_move(incident, view, self._executor.options)
            match move:
                case Nothing():
                    self._leases.pop(incident_id, None)
                    return now
                case Execute(step) | Undo(step) | Look(step):
                    self._would_act.setdefault(step.id, now)
                    if isinstance(move, Look) or not await self._recorded(incident, move, now):
                        return now + self._options.worker.poll
                    continue
            until = await self._executor.perform(incident, move, await self._leased(incident_id, now))
            if until is not None:
                return until

    async def _recorded(self, incident: Incident, move: Execute | Undo, now: datetime) -> bool:
        """Whether this was done in the recording; then it is written down as done."""
        step, undone = move.step, isinstance(move, Undo)
        since = epoch_ns(now - _RECENT)
        for change in self._window.changes(incident.tenant, since, epoch_ns(now)):
            expected = change_of(step, change.at, self._kinds, undone=undone)
            if expected is None or change.by != BY or change in self._used:
                continue
            if (change.service, change.kind) == (expected.service, expected.kind):
                self._used.add(change)
                for event in _done(step.id, move.key, undone=undone):
                    incident = await self._deps.incident_store.record(incident.id, event, self._options.worker.actor)
                return True
        return False

    async def _leased(self, incident_id: str, now: datetime) -> Lease:
        lease = self._leases.get(incident_id)
        if lease is None or lease.expires_at - now < _LEASED / 2:
            journal, owner = self._deps.incident_store.journal, self._options.worker.owner
            lease = self._leases[incident_id] = await journal.acquire(incident_id, owner, _LEASED, now)
        return lease

    def _heard(self, incident: Incident, entry: Entry) -> None:
        del entry
        self._inbox.noted(incident)
        self._due.pop(incident.id, None)


def _done(step: str, key: str, *, undone: bool) -> tuple[Event, Event]:
    said = "as the recording shows"
    if undone:
        return UndoIntended(step, key), ActionUndone(step, key, said)
    return ActionIntended(step, key, {}), ActionApplied(step, key, said)
