"""The monitoring agent and versions of the model: drift, and what is over after a change."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from akeso.agents.selfhealing.monitoring import MonitoringAgent, Surveyed
from akeso.domain.detection.anomaly import AlertStatus, Anomaly
from akeso.domain.detection.detection_model import Artefact, ModelDraft
from akeso.domain.messages import ConfigUpdate, Decision, Feedback, Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.ports.bus import Message, Topic
from akeso.stages.model.self_check import SelfCheckOptions
from akeso.testing.clock import START, FakeClock
from akeso.testing.engine import RelayBus
from akeso.testing.model_registry import MemoryModelRegistry

KEYS = tuple(SeriesKey("t", f"s{n}", RED_MEAN) for n in range(6))
SIGNALS = np.full(len(KEYS), Signal.LATENCY, np.uint8)
SECOND = timedelta(seconds=1)
OPTIONS = SelfCheckOptions(
    latency_events=6,
    latency_again=3,
    accuracy_events=8,
    accuracy_again=4,
    drift_window=24 * SECOND,
    drift_samples=24,
    drift_every=SECOND,
    drift_again=3,
)


class Watched:
    """A monitoring agent that sees a slot a second."""

    def __init__(self) -> None:
        self.bus, self.clock, self.registry = RelayBus(), FakeClock(), MemoryModelRegistry()
        self.slot = 0
        self._random = np.random.default_rng(1)
        surveyed = Surveyed(self.clock, self.registry, SeriesTable(KEYS))
        self.agent = MonitoringAgent(self.bus, "acme", OPTIONS, surveyed)

    @property
    def now(self) -> datetime:
        return START + self.slot * SECOND

    async def version(self, level: float) -> None:
        """A version that was trained on this level decides from now on."""
        sample = level * self._random.lognormal(0, 0.1, (30, len(KEYS)))
        artefact = Artefact(KEYS, SIGNALS, {}, sample.astype(np.float32))
        made = await self.registry.register(ModelDraft(artefact, START, "eve", "a test"))
        await self.registry.promote(made.version)
        await self.configure("model_version", made.version)

    async def configure(self, name: str, value: str) -> None:
        update = ConfigUpdate(name, value, self.now, "eve")
        await self.agent.handle(Message(Topic.CONFIG_UPDATES, name, update))

    async def run(self, slots: int, level: float = 50.0, latency_ms: float = 1.0) -> None:
        for _ in range(slots):
            self.slot += 1
            values = level * self._random.lognormal(0, 0.1, len(KEYS))
            frame = FeatureFrame(self.slot * NANOSECONDS, NANOSECONDS, values, SIGNALS)
            empty = np.zeros((0, len(KEYS)))
            prediction = Prediction(frame, (), (), empty, values, values, "1", latency_ms)
            await self.agent.handle(Message(Topic.PREDICTIONS, "", prediction))
            await self.agent.tick(self.now)

    async def judged(self, count: int, *, right: bool, ago: int = 0) -> None:
        for _ in range(count):
            label = Feedback("t", "s1", self.now - ago * SECOND, anomalous=True, predicted=right)
            await self.agent.handle(Message(Topic.FEEDBACK, "s1", label))
        await self.agent.tick(self.now)

    @property
    def alerts(self) -> list[tuple[str, str]]:
        found: list[Any] = self.bus.of(Topic.ALERTS)
        return [(alert.fault_class, alert.status.value) for alert in found]


FIRING, RESOLVED = AlertStatus.FIRING.value, AlertStatus.RESOLVED.value


async def test_features_that_went_elsewhere_are_an_alert_once_they_have_arrived() -> None:
    watched = Watched()
    await watched.version(50.0)
    await watched.run(40)
    assert watched.alerts == []
    await watched.run(12, level=90.0)
    assert watched.agent.numbers["drift_ks"] > 0.2
    assert watched.alerts == []  # on its way: half of the window is new
    await watched.run(30, level=90.0)
    assert watched.alerts == [("feature_drift", FIRING)]


async def test_drift_is_over_when_a_model_that_knows_the_new_level_decides() -> None:
    watched = Watched()
    await watched.version(50.0)
    await watched.run(70, level=90.0)
    await watched.version(50.0)
    await watched.run(6, level=90.0)
    assert watched.alerts == [("feature_drift", FIRING)]  # another version, but none that knows it
    await watched.version(90.0)
    assert watched.alerts == [("feature_drift", FIRING)]
    await watched.run(4, level=90.0)
    assert watched.alerts == [("feature_drift", FIRING), ("feature_drift", RESOLVED)]


async def test_without_a_version_there_is_nothing_to_drift_from() -> None:
    watched = Watched()
    await watched.agent.start()
    await watched.run(60, level=50.0)
    await watched.run(60, level=500.0)
    assert watched.alerts == []
    assert np.isnan(watched.agent.numbers["drift_ks"])


async def test_the_champion_is_what_drift_is_measured_against_from_the_start() -> None:
    watched = Watched()
    await watched.version(50.0)
    later = Watched()
    again = MonitoringAgent(later.bus, "acme", OPTIONS, Surveyed(later.clock, watched.registry, SeriesTable(KEYS)))
    later.agent = again
    await again.start()
    await later.run(60, level=90.0)
    assert later.alerts == [("feature_drift", FIRING)]


async def test_slow_inference_is_over_after_safe_mode_and_a_few_quick_ones() -> None:
    watched = Watched()
    await watched.run(6, latency_ms=900.0)
    assert watched.alerts == [("inference_slow", FIRING)]
    await watched.configure("safe_mode", "on")
    await watched.run(2, latency_ms=1.0)
    assert len(watched.alerts) == 1
    await watched.run(1, latency_ms=1.0)
    assert watched.alerts[-1] == ("inference_slow", RESOLVED)


async def test_slow_inference_that_safe_mode_does_not_mend_goes_on() -> None:
    watched = Watched()
    await watched.run(6, latency_ms=900.0)
    await watched.configure("safe_mode", "on")
    await watched.run(10, latency_ms=900.0)
    assert watched.alerts == [("inference_slow", FIRING)]


async def test_what_people_say_of_another_models_decisions_does_not_count() -> None:
    watched = Watched()
    await watched.run(1)
    await watched.judged(8, right=False)
    assert watched.alerts == [("model_inaccurate", FIRING)]
    watched.slot += 10
    await watched.configure("model_version", "7")
    await watched.judged(8, right=True, ago=5)
    assert len(watched.alerts) == 1
    await watched.judged(4, right=True)
    assert watched.alerts[-1] == ("model_inaccurate", RESOLVED)
    assert watched.agent.numbers["accuracy"] == 1.0


async def test_the_delay_from_slot_to_decision_is_told() -> None:
    watched = Watched()
    for late_ms in (10, 20, 30):
        end = watched.clock.nanoseconds() - late_ms * 1_000_000
        await watched.agent.handle(Message(Topic.DECISIONS, "", Decision(end)))
    assert watched.agent.numbers["delay_ms_p50"] == 20.0


async def test_a_service_that_is_ill_has_not_drifted() -> None:
    watched = Watched()
    await watched.version(50.0)
    await watched.run(30)
    raised = tuple(Anomaly(k.service, "t", k, Signal.LATENCY, START, START, 2.0, 90.0, 50.0, 5.0) for k in KEYS)
    await watched.agent.handle(Message(Topic.DECISIONS, "", Decision(1, raised)))
    await watched.run(60, level=90.0)
    assert watched.alerts == []
    await watched.agent.handle(Message(Topic.DECISIONS, "", Decision(2, (), KEYS)))
    await watched.run(60, level=90.0)
    assert watched.alerts == [("feature_drift", FIRING)]
