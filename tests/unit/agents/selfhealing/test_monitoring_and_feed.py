"""The monitoring agent raises and resolves alerts on Akeso itself; the feed hands events to whoever listens."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from akeso.agents.intake.feed import FeedAgent
from akeso.agents.selfhealing.monitoring import MonitoringAgent
from akeso.domain.detection.anomaly import AlertStatus, Severity
from akeso.domain.incident.events import Entry, IncidentResolved
from akeso.domain.messages import Feedback, Heartbeat
from akeso.ports.bus import Message, Topic
from akeso.stages.model.self_check import SelfCheckOptions
from akeso.testing.clock import START
from akeso.testing.engine import RelayBus

OPTIONS = SelfCheckOptions(accuracy_events=4, silence=timedelta(seconds=10))


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def beat(agent: MonitoringAgent, name: str, seconds: float) -> None:
    await agent.handle(Message(Topic.AGENT_METRICS, name, Heartbeat(name, later(seconds))))


def alerts(bus: RelayBus) -> Sequence[Any]:
    return bus.of(Topic.ALERTS)


async def test_a_silent_agent_is_an_alert_once_and_resolved_when_it_beats_again() -> None:
    bus = RelayBus()
    agent = MonitoringAgent(bus, "acme", OPTIONS)
    await beat(agent, "model", 0)
    await agent.tick(later(5))
    assert not alerts(bus)
    for seconds in (11, 12, 13):
        await agent.tick(later(seconds))
    (firing,) = alerts(bus)
    assert (firing.tenant, firing.service, firing.status) == ("acme", "akeso.model", AlertStatus.FIRING)
    assert (firing.severity, firing.starts_at) == (Severity.ERROR, later(11))
    await beat(agent, "model", 14)
    await agent.tick(later(15))
    resolved = alerts(bus)[-1]
    assert (resolved.fingerprint, resolved.starts_at) == (firing.fingerprint, firing.starts_at)
    assert (resolved.status, resolved.ends_at) == (AlertStatus.RESOLVED, later(15))
    await agent.tick(later(16))
    assert len(alerts(bus)) == 2


async def test_wrong_decisions_are_an_alert_with_a_class_that_playbooks_know() -> None:
    bus = RelayBus()
    agent = MonitoringAgent(bus, "acme", OPTIONS)
    for _ in range(4):
        feedback = Feedback("acme", "cart", START, anomalous=True, predicted=False)
        await agent.handle(Message(Topic.FEEDBACK, "cart", feedback))
    await agent.tick(START)
    (alert,) = alerts(bus)
    assert alert.fault_class == "model_inaccurate"


async def test_every_listener_hears_every_entry_until_it_leaves() -> None:
    feed, one, two = FeedAgent(), asyncio.Queue[Entry](9), asyncio.Queue[Entry](9)
    with feed.listen(one):
        with feed.listen(two):
            await hear(feed, 1)
        await hear(feed, 2)
    await hear(feed, 3)
    assert [one.get_nowait().sequence for _ in range(one.qsize())] == [1, 2]
    assert [two.get_nowait().sequence for _ in range(two.qsize())] == [1]


async def test_a_listener_that_does_not_keep_up_is_told_and_holds_up_nobody() -> None:
    feed, slow, quick = FeedAgent(), asyncio.Queue[Entry](2), asyncio.Queue[Entry](9)
    with feed.listen(slow) as behind, feed.listen(quick) as fine:
        for sequence in range(1, 4):
            await hear(feed, sequence)
        assert (behind.is_set(), fine.is_set()) == (True, False)
    assert (slow.qsize(), quick.qsize()) == (2, 3)


async def hear(feed: FeedAgent, sequence: int) -> None:
    entry = Entry(sequence, "i1", START, "test", IncidentResolved("gone"))
    await feed.handle(Message(Topic.INCIDENT_LOG, "i1", entry))
