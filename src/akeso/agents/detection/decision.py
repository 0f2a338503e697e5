"""The decision agent: which series are anomalous, and which of them are told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from akeso.domain.detection.alarm import Alarm
from akeso.domain.errors import Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.messages import ConfigUpdate, Decision, Feedback, Prediction
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.stages.detection.alarm_confirmation import Healings
from akeso.stages.detection.alert_budget import AlertBudget
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.detection_settings import redecided
from akeso.stages.detection.series_facts import FactsTable

log = structlog.get_logger(__name__)

Keep = Callable[[Sequence[Alarm]], None]


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """How the decision agent decides.

    decide: how sure a decision has to be.
    quiet_until: ns, the end of the last slot whose decision took effect before a restart. Slots up to it are decided
        again,
        to know what is going on, and not published.
    """

    decide: DecideOptions = field(default_factory=DecideOptions)
    quiet_until: int = 0


class DecisionAgent:
    """PREDICTIONS → DECISIONS: one for each slot, also when nothing changed: readers can tell quiet from dead.

    What is beyond a service's alert budget is not passed on. FEEDBACK and healed incidents tell which alarms were true.
    keep: called with all alarms that count, on a thread, whenever they changed.
    """

    name = "decision"
    topics = (Topic.PREDICTIONS, Topic.CONFIG_UPDATES, Topic.FEEDBACK, Topic.INCIDENT_LOG)

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        feature_table: SeriesTable,
        options: DecisionOptions | None = None,
        budget: AlertBudget | None = None,
        keep: Keep | None = None,
    ) -> None:
        self._bus, self._clock = bus, clock
        self._facts = FactsTable(feature_table)
        self._options = options or DecisionOptions()
        self._state = DecideState()
        self._newest = 0
        self._admitted = Decision(0)
        self.budget = budget or AlertBudget()
        self._keep, self._healings = keep, Healings()

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Prediction() as prediction if prediction.frame.end > self._newest:
                await self._decide(prediction)
            case ConfigUpdate() as update:
                self._options = replace(self._options, decide=redecided(self._options.decide, update))
            case Feedback() as label:
                if self.budget.judged(label):
                    await self._kept()
            case Entry() as entry:
                await self._heard(entry)
            case _:
                pass  # a prediction that was delivered again

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...

    async def _decide(self, prediction: Prediction) -> None:
        judgement = decide(prediction, self._facts, self._state, self._options.decide)
        if prediction.frame.end > self._options.quiet_until:
            if self._admitted.end != prediction.frame.end:  # else its publication failed before
                self._admitted = self.budget.admit(judgement.decision, self._facts.services)
            await self._bus.publish(Topic.DECISIONS, "", self._admitted)
        self._state, self._newest = judgement.state, prediction.frame.end
        if prediction.frame.end > self._options.quiet_until and (judgement.decision.raised or self._admitted.raised):
            await self._kept()

    async def _heard(self, entry: Entry) -> None:
        met = [self.budget.confirmed(c.service, c.start, c.end) for c in self._healings.take(entry)]
        if any(met):
            await self._kept()

    async def _kept(self) -> None:
        if self._keep is None:
            return
        try:
            await asyncio.to_thread(self._keep, self.budget.alarms)
        except Unavailable as full:
            log.warning("alarms.not_kept", error=str(full))
