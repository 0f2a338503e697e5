"""For tests of what travels: one payload of every kind, and the contract of every bus."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.detection.vote import Vote
from akeso.domain.errors import Unavailable
from akeso.domain.incident.events import Entry, IncidentResolved
from akeso.domain.incident.plan import Risk, Step
from akeso.domain.incident.verdict import Ask, PolicyRequest
from akeso.domain.messages import (
    ConfigUpdate,
    Decision,
    Feedback,
    Heartbeat,
    PolicyAnswer,
    PolicyQuestion,
    Prediction,
)
from akeso.domain.telemetry.batches import FeatureFrame, MetricBlock, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import Signal
from akeso.ports.bus import Bus, Message, Subscription, Topic
from akeso.stages.features.metric_meanings import signal_of

AT = datetime(2030, 1, 1, tzinfo=UTC)
KEYS = (SeriesKey("acme", "cart", "latency"), SeriesKey("acme", "db", "queue.depth", (("q", "a"),)))
PATIENCE_S = 20.0
OpenBus: TypeAlias = Callable[[], Awaitable[Bus]]


def samples(ingest: SeriesTable, features: SeriesTable) -> Mapping[Topic, Any]:
    """A payload for each topic; the series are interned in the tables."""
    anomaly = Anomaly(
        "a", "acme", KEYS[0], Signal.LATENCY, AT, AT, 2.0, 9.0, float("nan"), float("nan"), ("ewma",), 1e-4
    )
    features.intern_all(KEYS)
    signals = np.array([signal_of(key) for key in features.keys], np.uint8)
    frame = FeatureFrame(2 * 10**9, 10**9, np.arange(len(features), dtype=np.float64), signals, partial=True)
    nothing = np.full(len(features), np.nan)
    ones, votes = np.ones(len(features)), (Vote.SHARED, Vote.RULE)
    prediction = Prediction(
        frame, ("ewma", "silence"), votes, np.stack((ones, ones)), nothing, nothing, "v1", 1.5, 0.1 * ones
    )
    block = MetricBlock(ingest.intern_all(KEYS), np.array([1, 2], np.int64), np.array([0.5, np.nan]))
    step = Step("s1", "restart", "cart", MappingProxyType({"grace": "5"}))
    request = PolicyRequest("healer", "agent", step, True, Risk.LOW, 1, "prod", False, 3, 0.8, 2, 0)
    return {
        Topic.RAW_EVENTS: TelemetryBatch("acme", 1, block),
        Topic.FEATURES: frame,
        Topic.PREDICTIONS: prediction,
        Topic.DECISIONS: Decision(2 * 10**9, (anomaly,), (KEYS[1],)),
        Topic.AGENT_METRICS: Heartbeat("model", AT, 3, 1, 0.25, MappingProxyType({"psi": 0.1})),
        Topic.FEEDBACK: Feedback("acme", "cart", AT, True, False, "ann"),
        Topic.ALERTS: alert("f"),
        Topic.POLICY_REQUESTS: PolicyQuestion("q", "i1", request),
        Topic.POLICY_DECISIONS: PolicyAnswer("q", "i1", Ask("careful", ("approver",), timedelta(minutes=5))),
        Topic.CONFIG_UPDATES: ConfigUpdate("safe_mode", "on", AT, "healer", "slow"),
        Topic.INCIDENT_LOG: Entry(7, "i1", AT, "healer", IncidentResolved("gone"), "ff"),
    }


def alert(fingerprint: str) -> Alert:
    return Alert("acme", fingerprint, "prometheus", "cart", "slow", Severity.ERROR, AlertStatus.FIRING, AT)


def same(one: Any, other: Any) -> bool:
    """Whether two payloads say the same; arrays by content, and NaN is itself."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, float):
        return one == other or (isnan(one) and isnan(other))
    if is_dataclass(one):
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


async def take(subscription: Subscription, count: int, *, commit: bool = True) -> list[Message]:
    """The next `count` messages; fails when they do not come."""
    taken: list[Message] = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in subscription:
            taken.append(message)
            if commit:
                await subscription.commit(message)
            if len(taken) == count:
                return taken
    raise AssertionError(f"the subscription ended after {len(taken)} of {count} messages")


async def nothing_more(subscription: Subscription, seconds: float = 0.2) -> bool:
    """Whether no message comes for a while."""
    try:
        async with asyncio.timeout(seconds):
            async for _ in subscription:
                return False
    except TimeoutError:
        return True
    return True


class BusContract:
    """What every Bus keeps. Derive a test class and give it a fixture `bus`, an open bus."""

    async def test_every_group_gets_every_message_in_order(self, bus: Bus) -> None:
        async with bus.subscribe([Topic.DECISIONS], "one") as one, bus.subscribe([Topic.DECISIONS], "two") as two:
            sent = [Decision(end) for end in range(5)]
            for decision in sent:
                await bus.publish(Topic.DECISIONS, "k", decision)
            for subscription in (one, two):
                messages = await take(subscription, 5)
                assert [m.payload for m in messages] == sent
                assert {(m.topic, m.key) for m in messages} == {(Topic.DECISIONS, "k")}
                assert [m.offset for m in messages] == sorted({m.offset for m in messages})
        await bus.close()

    async def test_a_group_gets_only_its_topics(self, bus: Bus) -> None:
        async with bus.subscribe([Topic.DECISIONS, Topic.ALERTS], "g") as subscription:
            await bus.publish(Topic.AGENT_METRICS, "k", Heartbeat("x", AT))
            await bus.publish(Topic.ALERTS, "k", alert("a"))
            await bus.publish(Topic.DECISIONS, "k", Decision(1))
            assert {m.topic for m in await take(subscription, 2)} == {Topic.ALERTS, Topic.DECISIONS}
        await bus.close()

    async def test_a_new_group_starts_at_the_end_but_at_the_beginning_of_durable_topics(self, bus: Bus) -> None:
        for n in range(3):
            await bus.publish(Topic.DECISIONS, "k", Decision(n))
            await bus.publish(Topic.CONFIG_UPDATES, "k", ConfigUpdate("n", str(n), AT, "me"))
        async with bus.subscribe([Topic.DECISIONS, Topic.CONFIG_UPDATES], "late") as subscription:
            kept = await take(subscription, 3)
            assert [m.payload.value for m in kept] == ["0", "1", "2"]
            await bus.publish(Topic.DECISIONS, "k", Decision(9))
            assert [m.payload for m in await take(subscription, 1)] == [Decision(9)]
        await bus.close()

    async def test_a_member_without_topics_waits_for_nothing(self, bus: Bus) -> None:
        async with bus.subscribe([], "g") as subscription:
            await bus.publish(Topic.DECISIONS, "k", Decision(1))
            assert await nothing_more(subscription)
        await bus.close()

    async def test_what_was_not_committed_comes_again(self, bus: Bus) -> None:
        async def check(topic: Topic, payloads: list[Any]) -> None:
            async with bus.subscribe([topic], topic) as subscription:
                for payload in payloads:
                    await bus.publish(topic, "k", payload)
                await take(subscription, 2)
                await take(subscription, 1, commit=False)
            async with bus.subscribe([topic], topic) as subscription:
                assert [m.payload for m in await take(subscription, 2)] == payloads[2:]
            async with bus.subscribe([topic], topic) as subscription:
                assert await nothing_more(subscription)

        await _on_each_kind_of_topic(check)
        await bus.close()

    async def test_a_commit_out_of_turn_loses_nothing(self, bus: Bus) -> None:
        async def check(topic: Topic, payloads: list[Any]) -> None:
            async with bus.subscribe([topic], topic) as subscription:
                for payload in payloads:
                    await bus.publish(topic, "k", payload)
                await subscription.commit((await take(subscription, 3, commit=False))[2])
            async with bus.subscribe([topic], topic) as subscription:
                assert [m.payload for m in await take(subscription, 2)] == payloads[:2]

        await _on_each_kind_of_topic(check)
        await bus.close()

    async def test_what_was_sent_while_a_group_was_away_waits_for_it(self, bus: Bus) -> None:
        topics = [Topic.ALERTS, Topic.DECISIONS]
        async with bus.subscribe(topics, "g"):
            pass
        await bus.publish(Topic.ALERTS, "k", alert("a"))
        await bus.publish(Topic.DECISIONS, "k", Decision(1))
        async with bus.subscribe(topics, "g") as subscription:
            assert {m.topic for m in await take(subscription, 2)} == set(topics)
        await bus.close()

    async def test_members_of_a_group_share_the_messages_and_keep_each_key_in_order(self, bus: Bus) -> None:
        taken: list[Message] = []
        sent = [(f"key-{n % 7}", f"{n:03}") for n in range(42)]
        complete = asyncio.Event()

        async def member(subscription: Subscription) -> None:
            async for message in subscription:
                taken.append(message)
                await subscription.commit(message)
                if len({m.payload.fingerprint for m in taken}) == len(sent):
                    complete.set()

        async with bus.subscribe([Topic.ALERTS], "g") as one, bus.subscribe([Topic.ALERTS], "g") as two:
            members = [asyncio.create_task(member(one)), asyncio.create_task(member(two))]
            for key, fingerprint in sent:
                await bus.publish(Topic.ALERTS, key, alert(fingerprint))
            await asyncio.wait_for(complete.wait(), PATIENCE_S)
            for task in members:
                task.cancel()
            await asyncio.gather(*members, return_exceptions=True)
        for key in {key for key, _ in sent}:
            seen = list(dict.fromkeys(m.payload.fingerprint for m in taken if m.key == key))
            assert seen == sorted(seen)
        await bus.close()

    async def test_an_empty_key_is_a_key(self, bus: Bus) -> None:
        async with bus.subscribe([Topic.DECISIONS], "g") as subscription:
            for end in range(40):
                await bus.publish(Topic.DECISIONS, "", Decision(end))
            assert [m.payload.end for m in await take(subscription, 40)] == list(range(40))
        await bus.close()

    async def test_every_payload_arrives_as_it_was(self, bus: Bus) -> None:
        payloads = samples(*self.tables())
        async with bus.subscribe(list(payloads), "g") as subscription:
            for topic, payload in payloads.items():
                await bus.publish(topic, "k", payload)
            for message in await take(subscription, len(payloads)):
                assert same(message.payload, payloads[message.topic]), message.topic
        await bus.close()

    async def test_a_closed_bus_says_so_and_ends_its_subscriptions(self, bus: Bus) -> None:
        async with bus.subscribe([Topic.DECISIONS], "g") as subscription:
            reader = asyncio.create_task(nothing_more(subscription, PATIENCE_S))
            await asyncio.sleep(0.01)
            await bus.close()
            assert await asyncio.wait_for(reader, PATIENCE_S / 2)
        await bus.close()
        for topic in (Topic.DECISIONS, Topic.ALERTS):
            try:
                await bus.publish(topic, "k", Decision(1) if topic is Topic.DECISIONS else alert("x"))
            except Unavailable:
                continue
            raise AssertionError("a closed bus took a message")

    def tables(self) -> tuple[SeriesTable, SeriesTable]:
        """The series tables that the bus decodes with: of raw telemetry, of features."""
        return SeriesTable(), SeriesTable()


async def _on_each_kind_of_topic(check: Callable[[Topic, list[Any]], Awaitable[None]]) -> None:
    alerts, decisions = [alert(str(n)) for n in range(4)], [Decision(n) for n in range(4)]
    await asyncio.gather(check(Topic.ALERTS, alerts), check(Topic.DECISIONS, decisions))


class DurableBusContract:
    """What a Bus keeps beyond the process. Give the test class a fixture `open_bus`; called again it opens the same
    bus once more, as after a restart."""

    async def test_durable_messages_outlive_the_bus(self, open_bus: OpenBus) -> None:
        bus = await open_bus()
        for n in range(3):
            await bus.publish(Topic.ALERTS, "k", alert(str(n)))
        async with bus.subscribe([Topic.ALERTS], "g") as subscription:
            await take(subscription, 1)
            await take(subscription, 1, commit=False)
        await bus.close()
        again = await open_bus()
        async with again.subscribe([Topic.ALERTS], "g") as subscription:
            assert [m.payload.fingerprint for m in await take(subscription, 2)] == ["1", "2"]
        async with again.subscribe([Topic.ALERTS], "other") as subscription:
            assert [m.payload.fingerprint for m in await take(subscription, 3)] == ["0", "1", "2"]
        await again.close()
        third = await open_bus()
        async with third.subscribe([Topic.ALERTS], "g") as subscription:
            assert await nothing_more(subscription)
            await third.publish(Topic.ALERTS, "k", alert("3"))
            assert [m.payload.fingerprint for m in await take(subscription, 1)] == ["3"]
        await third.close()
