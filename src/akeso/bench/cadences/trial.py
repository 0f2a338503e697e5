"""One fault, told at one cadence in one way, lived through by the whole of Akeso in virtual time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import structlog
from prometheus_client import CollectorRegistry

from akeso.agents.intake.pull import PullAgent, Pulled, PullMetrics, PullOptions, PullSink
from akeso.bench.cadences.senders import OtlpMetrics, RemoteWrite, Scraped, Spans, phases
from akeso.bench.cadences.shop import ILL, SERVICES, Fault, Shop
from akeso.domain.incident.diagnosis import FaultClass
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.outcome import Done, EffectOutcome
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.times import epoch_ns
from akeso.worlds.delivery import Delivery
from akeso.worlds.running.run import Run, play
from akeso.worlds.running.setting import Setup

START = 1_772_445_600 * NANOSECONDS  # 2 March 2026, ten in the morning, a Monday
_LEAST_WARM_S, _WARM_INTERVALS = 240.0, 20
_LEAST_S, _LASTS_INTERVALS = 240.0, 5
_SLOW_S = 300.0
_NOTHING: Mapping[str, str] = MappingProxyType({})
Sender = OtlpMetrics | RemoteWrite | Spans


class Way(StrEnum):
    """How the shop is told. MIXED: spans in batches of five seconds beside remote write."""

    OTLP = "otlp"
    REMOTE_WRITE = "remote_write"
    PULL = "pull"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Cell:
    """every_s: between two values of a series."""

    way: Way
    every_s: float
    seed: int

    @property
    def every(self) -> int:
        return round(self.every_s * NANOSECONDS)

    @property
    def pause(self) -> timedelta:
        """Between two requests where it is pulled, as operations.md advises: a third of the scrape interval."""
        return timedelta(seconds=min(max(self.every_s / 3, 1.0), 15.0))

    @property
    def warm_up_s(self) -> float:
        """Calm before the fault."""
        return max(_LEAST_WARM_S, _WARM_INTERVALS * self.every_s)

    @property
    def lasts_s(self) -> float:
        """Of the fault."""
        return max(_LEAST_S, _LASTS_INTERVALS * self.every_s)

    @property
    def bound_s(self) -> float:
        """Within which an incident has to be there: two intervals (three of five minutes) and five seconds."""
        return (3 if self.every_s >= _SLOW_S else 2) * self.every_s + 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """delay_s: from the fault to the incident, None without one; first: the cause stands first in its last diagnosis;
    kind: of that; leak: memory is called a leak in any; before: incidents before the fault; incidents: all since."""

    cell: Cell
    delay_s: float | None
    first: bool
    kind: str
    leak: bool
    before: int
    incidents: int

    @property
    def in_time(self) -> bool:
        return self.delay_s is not None and self.delay_s <= self.cell.bound_s

    @property
    def right(self) -> bool:
        """All that was asked for."""
        return self.in_time and self.first and not self.leak and not self.before


class ToldShop:
    """Implements akeso.worlds.running.run.Scene: the shop's senders, in which nothing that is done has an effect."""

    def __init__(self, senders: Sequence[Sender]) -> None:
        self.now, self._senders = START, senders

    def advance(self, until: int) -> Sequence[Delivery]:
        said = [delivery for sender in self._senders for delivery in sender.between(self.now, until)]
        self.now = until
        return sorted(said, key=lambda delivery: delivery.at)

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] = _NOTHING, *, undo: bool = False
    ) -> EffectOutcome:
        del parameters, undo
        return Done(f"{action} {target}")

    def look(self, action: str, target: str) -> Mapping[str, str]:
        del action, target
        return _NOTHING


def tell(cell: Cell, fault: Fault | None) -> tuple[ToldShop, Scraped | None]:
    """The senders of a cell, and the endpoint to pull from where that is its way."""
    random = np.random.default_rng([cell.seed, list(Way).index(cell.way), cell.every])
    shop, phase = Shop(START, fault, random), phases(cell.every, random)
    match cell.way:
        case Way.OTLP:
            return ToldShop([OtlpMetrics(shop, cell.every, phase)]), None
        case Way.REMOTE_WRITE:
            return ToldShop([RemoteWrite(shop, cell.every, phase)]), None
        case Way.MIXED:
            return ToldShop([RemoteWrite(shop, cell.every, phase), Spans(shop, random)]), None
        case Way.PULL:
            return ToldShop([]), Scraped(shop, cell.every, phase)


def attempt(cell: Cell) -> Found:
    """The fault begins somewhere within an interval."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))  # of logging: ERROR
    late = float(np.random.default_rng(cell.seed).random()) * cell.every_s
    began = START + round((cell.warm_up_s + late) * NANOSECONDS)
    fault = Fault(began, began + round(cell.lasts_s * NANOSECONDS))
    scene, endpoint = tell(cell, fault)

    async def lived(run: Run) -> Sequence[Incident]:
        puller = None if endpoint is None else _puller(run, endpoint, cell)
        if puller is not None:
            await puller.start()
        try:
            await run.live_until(fault.ended)
        finally:
            if puller is not None:
                await puller.stop()
        return await run.incidents()

    return _judged(cell, play(scene, Setup(bound=SERVICES), lived), fault)


def _puller(run: Run, endpoint: Scraped, cell: Cell) -> PullAgent:
    system = run.system
    sink = PullSink(
        lambda: system.started, system.ingestion.accept, system.window.declared.learn, system.store.marked,
        system.store.mark,
    )  # fmt: skip
    pulled = Pulled("prometheus", system.settings.tenant, endpoint, PullOptions(every=cell.pause))
    return PullAgent([pulled], sink, run.clock, system.ingest_table, PullMetrics(CollectorRegistry()))


def _judged(cell: Cell, incidents: Sequence[Incident], fault: Fault) -> Found:
    since = [incident for incident in incidents if epoch_ns(incident.detected_at) >= fault.began]
    hypotheses = [h for i in since if i.diagnosis is not None for h in i.diagnosis.hypotheses[:1]]
    first = hypotheses[0] if hypotheses else None
    return Found(
        cell=cell,
        delay_s=(epoch_ns(since[0].detected_at) - fault.began) / NANOSECONDS if since else None,
        first=first is not None and first.service == ILL,
        kind=first.fault_class if first is not None else "",
        leak=any(h.fault_class == FaultClass.MEMORY_LEAK for h in hypotheses),
        before=len(incidents) - len(since),
        incidents=len(since),
    )
