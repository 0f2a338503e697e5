"""False raises and delay on synthetic traffic: many services, Poisson calls, heavy-tailed latencies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, FeatureFrame, Floats, Mask, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import (
    EDGE_ERROR_RATIO,
    EDGE_MEAN,
    EDGE_RATE,
    LOG_ERROR_RATE,
    LOG_RATE,
    RED_ERRORS,
    RED_MEAN,
    RED_P95,
    RED_RATE,
    SILENCE,
    Signal,
)
from akeso.plugins.discovery import build
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.score import ScoreOptions, score
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.features.metric_meanings import signal_of
from akeso.stages.features.slots import FeatureOptions

START = 1_700_000_000 * NANOSECONDS


@dataclass(frozen=True)
class Load:
    """How one service fares in one slot."""

    calls: float  # per second
    latency_ms: float
    sigma: float = 0.8
    errors: float = 0.002
    alive: bool = True
    backlog: float = 2.0
    memory: float = 1.5e8


Script = Callable[[int, int, Load], Load]


@dataclass
class Traffic:
    """Frames of `services` services of the most different rates and latencies, each with two operations and a peer."""

    services: int = 10
    seed: int = 1
    script: Script = lambda _service, _slot, load: load
    table: SeriesTable = field(default_factory=SeriesTable)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self._loads = [
            Load(self._random.uniform(1.0, 20.0), self._random.choice([8.0, 25.0, 60.0, 140.0]), s)
            for s in self._random.uniform(0.4, 1.0, self.services)
        ]
        self._silent = np.zeros(self.services)
        self._recent: dict[tuple[str, Attributes], list[Mask]] = {}

    def frames(self, slots: int, first: int = 0) -> Iterator[FeatureFrame]:
        for slot in range(first, first + slots):
            values: dict[SeriesKey, float] = {}
            hiccup = self._random.random() < 0.01  # the machine is busy with something else for a moment
            for service in range(self.services):
                load = self.script(service, slot, self._loads[service])
                values |= self._of(service, load, 2.0 if hiccup else 1.0)
            yield self._frame(slot, values)

    def _frame(self, slot: int, values: Mapping[SeriesKey, float]) -> FeatureFrame:
        rows = self.table.intern_all(values)
        column = np.full(len(self.table), np.nan)
        column[rows] = list(values.values())
        signals = np.array([signal_of(key) for key in self.table.keys], np.uint8)
        return FeatureFrame(START + slot * NANOSECONDS, NANOSECONDS, column, signals)

    def _of(self, service: int, load: Load, slower: float) -> dict[SeriesKey, float]:
        name, random = f"s{service}", self._random
        self._silent[service] = random.uniform(0.0, 0.9) if load.alive else self._silent[service] + 1.0
        values = {SeriesKey("t", name, SILENCE): float(self._silent[service])}
        if not load.alive:
            return values
        calls = random.poisson(load.calls)
        scale = np.log(load.latency_ms) - load.sigma**2 / 2
        took = slower * random.lognormal(scale, load.sigma, calls)
        failed = random.random(calls) < load.errors
        part = random.random(calls) < 0.3
        values |= self._red(name, (), took, failed)
        values |= self._red(name, (("operation", "read"),), took[~part], failed[~part])
        values |= self._red(name, (("operation", "write"),), took[part], failed[part])
        values |= self._edge(f"s{(service + 1) % self.services}", name, took, failed)
        values[SeriesKey("t", name, LOG_RATE)] = float(random.poisson(3 * load.calls))
        values[SeriesKey("t", name, LOG_ERROR_RATE)] = float(failed.sum())
        values[SeriesKey("t", name, "queue.depth")] = float(random.poisson(load.backlog))
        values[SeriesKey("t", name, "process.memory.usage")] = load.memory * random.normal(1.0, 0.01)
        values[SeriesKey("t", name, "process.cpu.utilization")] = max(random.normal(0.02 * load.calls, 0.05), 0.0)
        return values

    def _red(self, name: str, attributes: Attributes, took: Floats, failed: Mask) -> dict[SeriesKey, float]:
        values = {SeriesKey("t", name, RED_RATE, attributes): float(len(took))}
        ratio = self._ratio(name, attributes, failed)
        if len(took):
            values[SeriesKey("t", name, RED_MEAN, attributes)] = float(took.mean())
            values[SeriesKey("t", name, RED_ERRORS, attributes)] = ratio
            values[SeriesKey("t", name, RED_P95, attributes)] = float(np.quantile(took, 0.95))
        return values

    def _edge(self, caller: str, callee: str, took: Floats, failed: Mask) -> dict[SeriesKey, float]:
        peer = (("peer", callee),)
        values = {SeriesKey("t", caller, EDGE_RATE, peer): float(len(took))}
        ratio = self._ratio(caller, peer, failed)
        if len(took):
            values[SeriesKey("t", caller, EDGE_MEAN, peer)] = float(took.mean() + 1.0)
            values[SeriesKey("t", caller, EDGE_ERROR_RATIO, peer)] = ratio
        return values

    def _ratio(self, name: str, attributes: Attributes, failed: Mask) -> float:
        """Of as few of the last slots as hold enough calls, as the feature stage tells it."""
        options, recent = FeatureOptions(), self._recent.setdefault((name, attributes), [])
        recent.insert(0, failed)
        del recent[options.rolling_slots :]
        held = np.cumsum([len(slot) for slot in recent])
        enough = int(np.searchsorted(held, options.min_calls)) + 1
        return float(np.concatenate(recent[:enough]).sum() / max(held[min(enough, len(held)) - 1], 1))


@dataclass(frozen=True)
class Raise:
    slot: int
    anomaly: Anomaly


def watch(traffic: Traffic, slots: int, options: DecideOptions | None = None) -> list[Raise]:
    """Every anomaly of a symptom signal that is raised within the slots."""
    detectors, facts, state = build("detectors"), FactsTable(traffic.table), DecideState()
    raised = []
    for slot, frame in enumerate(traffic.frames(slots)):
        prediction = score(frame, detectors, ScoreOptions(), lambda: 0.0)
        judgement = decide(prediction, facts, state, options or DecideOptions())
        for detector in detectors.values():
            detector.learn(frame, judgement.learn)
        state = judgement.state
        raised += [Raise(slot, a) for a in judgement.decision.raised if a.signal in SYMPTOMS]
    return raised


def whole(raised: list[Raise]) -> list[Raise]:
    """Those of whole services: neither of an operation nor of an edge."""
    return [r for r in raised if not r.anomaly.key.attributes]


def from_slot(at: int, change: Callable[[Load, int], Load], services: int = 8) -> Script:
    """The load changes in the first `services` at slot `at`; the change is told how many slots ago that was."""
    return lambda service, slot, load: change(load, slot - at) if slot >= at and service < services else load


def test_calm_traffic_raises_nothing_for_whole_services_and_next_to_nothing_for_parts() -> None:
    raised = watch(Traffic(services=8, seed=3), 400)
    assert not whole(raised)
    assert len(raised) <= 1


def test_half_as_much_traffic_again_raises_no_symptom() -> None:
    more = from_slot(60, lambda load, k: replace(load, calls=load.calls * (1.0 + 0.5 * min(k / 20, 1.0))))
    assert not watch(Traffic(services=6, seed=4, script=more), 180)


def test_a_restart_of_one_after_the_other_raises_no_symptom() -> None:
    def restart(service: int, slot: int, load: Load) -> Load:
        since = slot - 60 - 8 * service
        return replace(load, alive=False) if 0 <= since < 2 else load

    assert not watch(Traffic(services=6, seed=5, script=restart), 140)


SLOW_10 = from_slot(90, lambda load, _: replace(load, latency_ms=load.latency_ms * 10))
SLOW_5 = from_slot(90, lambda load, _: replace(load, latency_ms=load.latency_ms * 5))
BURST = from_slot(90, lambda load, _: replace(load, errors=0.3))
DEAD = from_slot(90, lambda load, _: replace(load, alive=False))
QUEUE = from_slot(90, lambda load, k: replace(load, backlog=2.0 + 8.0 * (k + 1)))
LEAK = from_slot(90, lambda load, k: replace(load, memory=load.memory * (1.0 + 0.05 * (k + 1))))


@pytest.mark.parametrize(
    ("script", "signal", "median", "most"),
    [
        pytest.param(SLOW_10, Signal.LATENCY, 3, 5, id="ten times the latency"),
        pytest.param(SLOW_5, Signal.LATENCY, 4, 7, id="five times the latency"),
        pytest.param(BURST, Signal.ERRORS, 4, 10, id="three of ten calls fail"),
        pytest.param(DEAD, Signal.SILENCE, 3, 4, id="dead"),
        pytest.param(QUEUE, Signal.BACKLOG, 3, 4, id="a queue grows by eight a second"),
        pytest.param(LEAK, Signal.MEMORY, 9, 10, id="memory grows by a twentieth a second"),
    ],
)
def test_a_fault_is_raised_within_slots(script: Script, signal: Signal, median: int, most: int) -> None:
    delays = delays_of(watch(Traffic(services=18, seed=6, script=script), 102), signal)
    assert delays[len(delays) // 2] <= median
    assert delays[-2] <= most  # the slowest may be a service with one call a second


def delays_of(raised: Sequence[Raise], signal: Signal) -> list[int]:
    """How many slots after the change at slot 90 the eight services it hit were raised, the quickest first."""
    own = [r for r in raised if r.anomaly.signal is signal and r.slot >= 90]
    return sorted(min((r.slot - 89 for r in own if r.anomaly.service == f"s{s}"), default=99) for s in range(8))


def test_a_fault_that_slows_every_service_is_told_of_some_as_quickly_and_of_most_as_it_lasts() -> None:
    delays = delays_of(watch(Traffic(services=8, seed=6, script=SLOW_5), 112), Signal.LATENCY)
    assert delays[0] <= 4
    assert delays[5] <= 10


def test_a_lasting_new_level_is_cleared_after_minutes() -> None:
    slower = from_slot(60, lambda load, _: replace(load, latency_ms=load.latency_ms * 6, sigma=0.3))
    traffic = Traffic(services=3, seed=8, script=slower)
    detectors, facts, state = build("detectors"), FactsTable(traffic.table), DecideState()
    options = DecideOptions(accept_after=timedelta(seconds=40))
    for frame in traffic.frames(420):
        prediction = score(frame, detectors, ScoreOptions(), lambda: 0.0)
        judgement = decide(prediction, facts, state, options)
        for detector in detectors.values():
            detector.learn(frame, judgement.learn)
        state = judgement.state
        if frame.end == START + 80 * NANOSECONDS:
            assert state.raised.any()
    assert not state.raised.any()
