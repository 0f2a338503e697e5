"""The model agent and the decision agent, one behind the other."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from akeso.agents.detection.decision import DecisionAgent, DecisionOptions
from akeso.agents.detection.model import ModelAgent
from akeso.domain.detection.vote import Vote
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.messages import ConfigUpdate, Decision, Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.plugins.discovery import build
from akeso.ports.bus import Message, Subscription, Topic
from akeso.testing.clock import FakeClock

START = 1_700_000_000 * NANOSECONDS
KEY = SeriesKey("t", "api", RED_MEAN)


class KeptBus:
    """Keeps what is published; `down` makes it refuse."""

    def __init__(self) -> None:
        self.published: list[tuple[Topic, Any]] = []
        self.down = False

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:  # noqa: ARG002
        if self.down:
            raise Unavailable("the bus is down")
        self.published.append((topic, payload))

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        raise NotImplementedError

    async def close(self) -> None: ...


class TickingClock(FakeClock):
    """Three milliseconds pass between two looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return super().monotonic() + 0.003 * self._looks


class Pair:
    """Both agents over one series."""

    def __init__(self, options: DecisionOptions | None = None) -> None:
        self.bus, table = KeptBus(), SeriesTable([KEY])
        self.model = ModelAgent(self.bus, TickingClock(), build("detectors"), table)
        self.decision = DecisionAgent(self.bus, FakeClock(), table, options)
        self._random = np.random.default_rng(1)

    def frame(self, slot: int, level: float, *, early: bool = False) -> Message:
        value = np.array([level * (1.0 if early else self._random.lognormal(0.0, 0.1))])
        code = np.array([Signal.LATENCY], np.uint8)
        return Message(Topic.FEATURES, "", FeatureFrame(self.end(slot, early), NANOSECONDS, value, code, early))

    def end(self, slot: int, early: bool) -> int:
        return START + slot * NANOSECONDS + early * 9 * NANOSECONDS // 10

    async def pass_on(self, slot: int, level: float, *, early: bool = False) -> None:
        await self.model.handle(self.frame(slot, level, early=early))
        await self.decision.handle(Message(Topic.PREDICTIONS, "", self.bus.published[-1][1]))

    async def run(self) -> list[Decision]:
        """Sixty calm slots and ten slow ones."""
        for slot in range(70):
            await self.pass_on(slot, 50.0 if slot < 60 else 400.0)
        return [payload for topic, payload in self.bus.published if topic is Topic.DECISIONS]


def update(name: str, value: str) -> Message:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    return Message(Topic.CONFIG_UPDATES, "", ConfigUpdate(name, value, at, "somebody"))


async def test_a_frame_becomes_a_prediction_and_a_prediction_a_decision() -> None:
    pair = Pair()
    decisions = await pair.run()
    prediction = next(p for t, p in pair.bus.published if t is Topic.PREDICTIONS)
    assert isinstance(prediction, Prediction)
    assert prediction.score.shape == (len(prediction.detectors), 1)
    assert prediction.latency_ms == pytest.approx(3, rel=0.01)
    assert len(decisions) == 70
    assert [a.key for d in decisions for a in d.raised] == [KEY]
    assert 61 <= next(i for i, d in enumerate(decisions) if d.raised) <= 64


async def test_slots_that_took_effect_before_a_restart_are_decided_and_not_published() -> None:
    quiet_until = START + 65 * NANOSECONDS
    decisions = await Pair(DecisionOptions(quiet_until=quiet_until)).run()
    assert [d.end for d in decisions] == [START + slot * NANOSECONDS for slot in range(66, 70)]
    assert not any(d.raised for d in decisions)  # it was raised before, so it is not news


async def test_a_message_that_is_delivered_again_changes_nothing() -> None:
    pair = Pair()
    message = pair.frame(1, 50.0)
    await pair.model.handle(message)
    await pair.model.handle(message)
    assert len(pair.bus.published) == 1


async def test_a_frame_whose_prediction_could_not_be_published_is_taken_again() -> None:
    pair = Pair()
    message = pair.frame(1, 50.0)
    pair.bus.down = True
    with pytest.raises(Unavailable):
        await pair.model.handle(message)
    pair.bus.down = False
    await pair.model.handle(message)
    assert len(pair.bus.published) == 1


async def test_safe_mode_leaves_the_rules_and_can_be_left() -> None:
    pair = Pair()
    await pair.model.handle(update("safe_mode", "true"))
    await pair.model.handle(pair.frame(1, 50.0))
    await pair.model.handle(update("safe_mode", "false"))
    await pair.model.handle(pair.frame(2, 50.0))
    safe, full = (payload.detectors for _, payload in pair.bus.published)
    assert set(safe) == {"availability", "silence", "slo_burn", "static_threshold"}
    assert set(full) > set(safe)


async def test_a_higher_threshold_keeps_an_anomaly_from_being_raised() -> None:
    pair = Pair()
    await pair.decision.handle(update("threshold", "20"))
    assert not any(d.raised for d in await pair.run())


async def test_the_model_version_is_the_one_that_was_set() -> None:
    pair = Pair()
    await pair.model.handle(update("model_version", "7"))
    await pair.model.handle(pair.frame(1, 50.0))
    assert pair.bus.published[0][1].model == "7"


@pytest.mark.parametrize(("name", "value"), [("safe_mode", "maybe"), ("threshold", "high"), ("threshold", "-1")])
async def test_a_setting_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        await Pair().decision.handle(update(name, value))


async def test_an_early_look_is_judged_by_the_voters_and_taught_to_nobody() -> None:
    pair, looked = Pair(), Pair()
    for slot in range(40):
        await looked.model.handle(looked.frame(slot, 50.0, early=True))
        seen = looked.bus.published[-1][1]
        await looked.model.handle(looked.frame(slot + 1, 50.0))
        await pair.model.handle(pair.frame(slot + 1, 50.0))
        assert seen.frame.partial
        assert Vote.NONE not in seen.votes
        np.testing.assert_array_equal(looked.bus.published[-1][1].score, pair.bus.published[-1][1].score)
    assert looked.model.frames == pair.model.frames == 40


async def test_an_early_look_may_decide_half_a_slot_sooner() -> None:
    pair = Pair()
    for slot in range(61):
        await pair.pass_on(slot, 50.0 if slot < 60 else 4000.0)
    await pair.pass_on(60, 4000.0, early=True)
    early = pair.bus.published[-1][1]
    assert [a.key for a in early.raised] == [KEY]
    await pair.pass_on(61, 4000.0)
    assert not pair.bus.published[-1][1].raised
