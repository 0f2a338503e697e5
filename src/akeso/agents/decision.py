"""The decision agent: which series are anomalous."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from akeso.domain.messages import ConfigUpdate, Prediction
from akeso.domain.series import SeriesTable
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.stages.decide import DecideOptions, DecideState, decide
from akeso.stages.detection_settings import redecided
from akeso.stages.series_facts import FactsTable


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """quiet_until: ns, the end of the last slot whose decision took effect before a restart. Slots up to it are
    decided again, to know what is going on, and not published."""

    decide: DecideOptions = field(default_factory=DecideOptions)
    quiet_until: int = 0


class DecisionAgent:
    """PREDICTIONS → DECISIONS: one for each slot, also when nothing changed: readers can tell quiet from dead."""

    name = "decision"
    topics = (Topic.PREDICTIONS, Topic.CONFIG_UPDATES)

    def __init__(
        self, bus: Bus, clock: Clock, feature_table: SeriesTable, options: DecisionOptions | None = None
    ) -> None:
        self._bus, self._clock = bus, clock
        self._facts = FactsTable(feature_table)
        self._options = options or DecisionOptions()
        self._state = DecideState()
        self._newest = 0

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        match message.payload:
            case Prediction() as prediction if prediction.frame.end > self._newest:
                await self._decide(prediction)
            case ConfigUpdate() as update:
                self._options = replace(self._options, decide=redecided(self._options.decide, update))
            case _:
                pass  # a prediction that was delivered again

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...

    async def _decide(self, prediction: Prediction) -> None:
        judgement = decide(prediction, self._facts, self._state, self._options.decide)
        if prediction.frame.end > self._options.quiet_until:
            await self._bus.publish(Topic.DECISIONS, "", judgement.decision)
        self._state, self._newest = judgement.state, prediction.frame.end
