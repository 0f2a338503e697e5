"""A telemetry gap is an alert of its own kind, called off when its services are heard again."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from akeso.agents.intake.senders import ENTITY, SendersAgent
from akeso.domain.detection.anomaly import AlertStatus
from akeso.domain.estate.senders import TELEMETRY_GAP, ServiceState
from akeso.domain.telemetry.batches import MetricBlock, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import epoch_ns
from akeso.ports.bus import Message, Topic
from akeso.testing.clock import START, FakeClock
from akeso.testing.engine import RelayBus


class Ears:
    """An agent that hears two services each five seconds."""

    def __init__(self) -> None:
        self.bus, self.clock, self.table = RelayBus(), FakeClock(), SeriesTable()
        self.agent = SendersAgent(self.bus, self.clock, self.table)

    @property
    def alerts(self) -> Sequence[Any]:
        return self.bus.of(Topic.ALERTS)

    async def live(self, since: int, until: int, *services: str) -> None:
        for second in range(since, until):
            at = START + timedelta(seconds=second)
            if second % 5 == 0 and services:
                await self._hear(epoch_ns(at), services)
            await self.agent.tick(at)

    async def _hear(self, at: int, services: Sequence[str]) -> None:
        ids = self.table.intern_all(SeriesKey("t", service, "cpu") for service in services)
        block = MetricBlock(ids, np.full(len(ids), at), np.ones(len(ids)))
        await self.agent.handle(Message(Topic.RAW_EVENTS, "t", TelemetryBatch("t", at, metrics=block)))


async def test_a_gap_is_told_once_about_telemetry_and_not_about_the_services() -> None:
    ears = Ears()
    await ears.live(0, 300, "a", "b")
    assert not ears.alerts
    await ears.live(300, 400)
    (alert,) = ears.alerts
    assert (alert.service, alert.fault_class, alert.status) == (ENTITY, TELEMETRY_GAP, AlertStatus.FIRING)
    assert "Telemetry gap" in alert.title


async def test_a_gap_is_over_when_its_services_are_heard_again() -> None:
    ears = Ears()
    await ears.live(0, 300, "a", "b")
    await ears.live(300, 400)
    await ears.live(400, 420, "a", "b")
    fired, over = ears.alerts
    assert (over.fingerprint, over.status) == (fired.fingerprint, AlertStatus.RESOLVED)


async def test_a_process_that_slept_takes_its_own_deafness_for_nobodys_silence() -> None:
    ears = Ears()
    await ears.live(0, 300, "a", "b")
    await ears.live(3000, 3010)
    assert not ears.alerts


async def test_who_is_heard_is_told_by_tenant() -> None:
    ears = Ears()
    await ears.live(0, 300, "a", "b")
    await ears.clock.advance(timedelta(seconds=299))
    assert [(each.service, each.state) for each in ears.agent.heard("t")] == [
        ("a", ServiceState.STEADY),
        ("b", ServiceState.STEADY),
    ]
    assert ears.agent.heard("other") == ()
