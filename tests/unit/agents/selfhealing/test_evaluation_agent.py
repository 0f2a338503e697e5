"""The pipeline of versions: the first one, rollback, training, and a challenger that has to show that it is better."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from akeso.agents.detection.model import ModelAgent, ModelOptions
from akeso.agents.selfhealing.evaluation import EvaluationAgent, EvaluationOptions
from akeso.agents.selfhealing.pipeline import OwnPipeline, PipelineOptions, TrainingDeps
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.detection_model import Alias
from akeso.domain.errors import Conflict, InvalidInput, NotFound
from akeso.domain.messages import ConfigUpdate, Decision, Feedback
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, FeatureMatrix, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.engine.background_thread import aside
from akeso.plugins.discovery import build
from akeso.ports.bus import Message, Subscription, Topic
from akeso.ports.pipeline import Actor
from akeso.stages.model.training import TrainingOptions
from akeso.testing.clock import FakeClock
from akeso.testing.model_registry import MemoryLabelStore, MemoryModelRegistry

START = 1_700_000_000
SERVICES = ("a", "b", "c", "d")
KEYS = tuple(SeriesKey("t", service, RED_MEAN) for service in SERVICES)
SIGNALS = np.full(len(KEYS), Signal.LATENCY, np.uint8)
EVE = Actor("eve", "a test")


class Wired:
    """A bus that hands configuration to both agents at once and keeps predictions."""

    def __init__(self) -> None:
        self.published: list[tuple[Topic, Any]] = []
        self.handlers: list[Callable[[Message], Any]] = []

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        self.published.append((topic, payload))
        if topic is Topic.CONFIG_UPDATES:
            for handler in self.handlers:
                await handler(Message(topic, key, payload))

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        raise NotImplementedError

    async def close(self) -> None: ...


class Past:
    """Feature history as a list of slots."""

    def __init__(self) -> None:
        self.slots: list[np.ndarray[Any, Any]] = []

    @property
    def now(self) -> int:
        return (START + len(self.slots)) * NANOSECONDS

    def frames(self, start: int, end: int) -> FeatureMatrix:
        times = (START + np.arange(1, len(self.slots) + 1)) * NANOSECONDS
        chosen = (times >= start) & (times <= end)
        values = np.array(self.slots).reshape(len(self.slots), len(KEYS))
        return FeatureMatrix(KEYS, SIGNALS, times[chosen], values[chosen])


class Whole:
    """Model agent, pipeline and evaluation agent over four services."""

    def __init__(self, evaluation: EvaluationOptions | None = None) -> None:
        self.bus, self.registry, self.labels, self.past = Wired(), MemoryModelRegistry(), MemoryLabelStore(), Past()
        table, clock = SeriesTable(KEYS), FakeClock()
        self.remembered: list[ConfigUpdate] = []
        self.model = ModelAgent(self.bus, clock, build("detectors"), table, ModelOptions(), self.registry)
        training_deps = TrainingDeps(self.registry, self.labels, self.past, lambda: build("detectors"), self._remember)
        options = PipelineOptions(baseline=timedelta(seconds=60), training=TrainingOptions(least=40))
        self.pipeline = OwnPipeline(self.model, training_deps, self.bus, clock, options)
        self.agent = EvaluationAgent(self.pipeline, self.labels, lambda: build("detectors"), table, evaluation)
        self.bus.handlers = [self.model.handle, self.agent.handle]
        self._random = np.random.default_rng(1)

    async def _remember(self, update: ConfigUpdate) -> None:
        self.remembered.append(update)

    async def run(self, slots: int, **factors: float) -> None:
        """Services at 50 ms, times a factor."""
        for _ in range(slots):
            values = 50.0 * self._random.lognormal(0.0, 0.1, len(KEYS))
            for service, factor in factors.items():
                values[SERVICES.index(service)] *= factor
            self.past.slots.append(values)
            frame = FeatureFrame(self.past.now, NANOSECONDS, values, SIGNALS)
            for agent in (self.model, self.agent):
                await agent.handle(Message(Topic.FEATURES, "", frame))
            await self.agent.tick(datetime(2030, 1, 1, tzinfo=UTC))

    async def say(self, service: str, *, anomalous: bool, predicted: bool, ago: int = 6) -> None:
        at = datetime.fromtimestamp(self.past.now / NANOSECONDS - ago, UTC)
        label = Feedback("t", service, at, anomalous=anomalous, predicted=predicted, by="eve")
        await self.agent.handle(Message(Topic.FEEDBACK, service, label))


async def test_the_first_version_is_registered_once_enough_was_seen() -> None:
    whole = Whole()
    await whole.run(59)
    assert (whole.pipeline.model, list(await whole.registry.versions())) == ("", [])
    await whole.run(20)
    (made,) = await whole.registry.versions()
    assert (made.version, made.series, made.metrics) == ("1", 4, {"slots": 60.0})
    assert (whole.pipeline.model, await whole.registry.aliases()) == ("1", {Alias.CHAMPION: "1"})


async def test_a_version_with_another_threshold_decides_and_rolling_back_brings_the_first_back() -> None:
    whole = Whole()
    await whole.run(70)
    made = await whole.pipeline.take(EVE, threshold=5.0)
    assert whole.pipeline.threshold == 1.0
    await whole.pipeline.promote(made.version, EVE)
    assert (whole.pipeline.model, whole.pipeline.threshold) == ("2", 5.0)
    await whole.run(60, a=10.0)
    back = await whole.pipeline.roll_back(EVE)
    assert (back.version, whole.pipeline.model, whole.pipeline.threshold) == ("1", "1", 1.0)
    assert [(u.name, u.value) for u in whole.remembered[-2:]] == [("model_version", "1"), ("threshold", "1.0")]
    assert whole.remembered[-1].by == "eve"


async def test_what_was_rolled_back_to_is_what_was_known_then() -> None:
    whole = Whole()
    await whole.run(70)
    before = build("detectors")["z_score"]
    before.restore((await whole.registry.load("1")).states["z_score"])
    await whole.run(100, a=1.25)
    await whole.pipeline.promote((await whole.pipeline.take(EVE)).version, EVE)
    await whole.pipeline.roll_back(EVE)
    np.testing.assert_array_equal(whole.model.artefact().states["z_score"]["mean"], before.snapshot()["mean"])


async def test_nothing_can_be_rolled_back_to_before_there_was_a_second() -> None:
    whole = Whole()
    await whole.run(70)
    with pytest.raises(Conflict, match="before this one"):
        await whole.pipeline.roll_back(EVE)
    with pytest.raises(NotFound):
        await whole.pipeline.promote("9", EVE)
    with pytest.raises(InvalidInput, match="threshold"):
        await whole.pipeline.take(EVE, threshold=1000.0)
    with pytest.raises(Conflict, match="champion"):
        await whole.pipeline.challenge("1", EVE)
    with pytest.raises(NotFound, match="nobody"):
        await whole.pipeline.restart("nobody")


async def test_training_takes_features_and_labels_and_registers_without_promoting() -> None:
    whole = Whole()
    with pytest.raises(Conflict, match="0 slots"):
        await whole.pipeline.retrain(EVE)
    await whole.run(100)
    await whole.run(12, a=4.0)
    await whole.run(40)
    for ago in range(42, 52, 3):
        await whole.say("a", anomalous=True, predicted=False, ago=ago)
        await whole.say("b", anomalous=False, predicted=False, ago=ago)
    made = await whole.pipeline.retrain(EVE)
    assert (made.metrics["slots"], made.metrics["labels"]) == (152.0, 8.0)
    assert made.metrics["accuracy"] == 1.0
    assert (made.parent, whole.pipeline.model) == ("1", "1")
    recent = await whole.pipeline.retrain(EVE, timedelta(seconds=60))
    assert recent.metrics["slots"] == 61.0


async def challenged(evaluation: EvaluationOptions | None = None) -> Whole:
    """A champion that notices nothing, and a challenger that does."""
    whole = Whole(evaluation)
    await whole.run(70)
    blind = await whole.pipeline.take(EVE, threshold=20.0)
    await whole.pipeline.promote(blind.version, EVE)
    await whole.pipeline.challenge("1", EVE)
    await whole.run(3)
    await whole.run(10, a=4.0)
    return whole


async def test_a_challenger_that_sees_what_the_champion_misses_is_promoted() -> None:
    whole = await challenged()
    shadow = whole.agent.shadow
    assert shadow is not None
    assert (shadow.frames, shadow.record.alarms, whole.agent.alarms) == (13, 1, 0)
    for _ in range(8):
        await whole.say("a", anomalous=True, predicted=False)
        assert whole.pipeline.model == "2"
    await whole.say("a", anomalous=True, predicted=False)
    assert (whole.pipeline.model, whole.pipeline.threshold, whole.agent.shadow) == ("1", 1.0, None)
    assert await whole.registry.aliases() == {Alias.CHAMPION: "1", Alias.PREVIOUS: "2"}


async def test_where_promotion_is_for_people_the_challenger_waits() -> None:
    whole = await challenged(EvaluationOptions(promotes=False))
    for _ in range(12):
        await whole.say("a", anomalous=True, predicted=False)
    assert whole.pipeline.model == "2"
    assert whole.agent.shadow is not None


async def test_a_challenger_that_raises_false_alarms_is_dropped() -> None:
    whole = await challenged()
    for _ in range(6):
        await whole.say("a", anomalous=False, predicted=False)
    assert whole.agent.shadow is None
    assert await whole.registry.aliases() == {Alias.CHAMPION: "2", Alias.PREVIOUS: "1"}


async def test_labels_from_before_the_challenger_came_do_not_count() -> None:
    whole = await challenged()
    await whole.say("a", anomalous=True, predicted=False, ago=60)
    assert whole.agent.shadow is not None
    assert whole.agent.shadow.paired.total == 0
    assert len(await whole.labels.recent()) == 1


async def test_a_champion_that_changes_begins_the_comparison_anew() -> None:
    whole = await challenged()
    await whole.say("a", anomalous=True, predicted=False)
    third = await whole.pipeline.take(EVE)
    await whole.pipeline.promote(third.version, EVE)
    assert whole.agent.shadow is not None
    assert (whole.agent.shadow.version, whole.agent.shadow.paired.total) == ("1", 0)


async def test_after_a_restart_champion_and_challenger_are_taken_up() -> None:
    whole = await challenged()
    again = Whole()
    table = SeriesTable(KEYS)
    model = ModelAgent(again.bus, FakeClock(), build("detectors"), table, ModelOptions(), whole.registry)
    await model.start()
    assert (model.version, model.deciding.threshold) == ("2", 20.0)
    agent = EvaluationAgent(whole.pipeline, whole.labels, lambda: build("detectors"), table)
    await agent.start()
    assert agent.shadow is not None
    assert agent.shadow.version == "1"


async def test_what_was_decided_at_a_time_is_looked_up() -> None:
    whole = Whole()
    at = datetime.fromtimestamp(START + 10, UTC)
    raised = Anomaly("a1", "t", KEYS[0], Signal.LATENCY, at, at, 2.0, 200.0, 50.0, 5.0)
    decision = Decision((START + 12) * NANOSECONDS, (raised,))
    await whole.agent.handle(Message(Topic.DECISIONS, "", decision))
    assert whole.agent.predicted("t", "a", at)  # two seconds later, within the grace
    assert not whole.agent.predicted("t", "a", at - timedelta(seconds=20))
    assert not whole.agent.predicted("t", "b", at)


async def test_work_aside_gives_its_result_and_its_error() -> None:
    assert await aside(lambda: 6 * 7, "six") == 42
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 / 0, "none")


async def test_work_aside_that_never_ends_can_be_left() -> None:
    started, release, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def hang() -> None:
        loop.call_soon_threadsafe(started.set)
        release.wait()

    task = asyncio.create_task(aside(hang, "hung"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
