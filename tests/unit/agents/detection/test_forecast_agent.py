"""The forecast agent: likely breaches become alerts in time."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pytest

from akeso.agents.detection.forecast import ForecastAgent, ForecastAgentOptions
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Message, Topic
from akeso.testing.clock import FakeClock
from akeso.testing.engine import RelayBus

KEYS = (
    SeriesKey("acme", "cart", "process.memory.usage", unit="MiB"),
    SeriesKey("acme", "cart", "process.memory.limit", unit="MiB"),
)
SECOND = 10**9
ON = ForecastAgentOptions(enabled=True)


class Drive:
    """Feeds an agent slots of thirty seconds, the clock with them."""

    def __init__(self, options: ForecastAgentOptions = ON, behind: timedelta = timedelta(0)) -> None:
        self.bus, self.clock = RelayBus(), FakeClock()
        self._end = self.clock.nanoseconds() - behind // timedelta(microseconds=1) * 1000
        self.agent = ForecastAgent(self.bus, self.clock, SeriesTable(KEYS), Services(), options)

    async def minutes(self, usage: Iterable[float]) -> None:
        rng = np.random.default_rng(0)
        for value in usage:
            for _ in range(2):
                self._end += 30 * SECOND
                await self.clock.advance(timedelta(seconds=30), settle=0)
                await self.agent.handle(self.frame([value + rng.normal(0, 0.5), 170.0]))

    def frame(self, values: list[float]) -> Message:
        frame = FeatureFrame(self._end, 30 * SECOND, np.array(values), np.zeros(2, np.uint8))
        return Message(Topic.FEATURES, "", frame)

    @property
    def alerts(self) -> list[Alert]:
        return list(self.bus.of(Topic.ALERTS))


def leak(until: float) -> list[float]:
    return [50.0] * 90 + list(np.arange(50.0, until, 1.0))


async def test_a_leak_is_an_alert_with_its_lead_before_the_limit_is_reached() -> None:
    drive = Drive()
    await drive.minutes(leak(until=169))

    (alert,) = drive.alerts
    assert (alert.service, alert.source, alert.severity) == ("cart", "akeso.forecast", Severity.WARNING)
    assert (alert.status, alert.fault_class) == (AlertStatus.FIRING, "")
    lead = int(dict(alert.annotations)["lead_minutes"])
    assert 10 <= lead <= 30
    assert f"process.memory.usage will reach 170 MiB in about {lead} min (probability 0.9" in alert.title
    breach = drive.clock.now() + timedelta(minutes=1)
    assert (breach - alert.starts_at) / timedelta(minutes=1) == pytest.approx(lead, abs=6)


async def test_the_alert_is_resolved_when_the_leak_is_gone_and_not_while_the_bound_is_breached() -> None:
    drive = Drive()
    await drive.minutes(leak(until=175))
    assert len(drive.alerts) == 1

    await drive.minutes([50.0] * 40)

    fired, resolved = drive.alerts
    assert (resolved.status, resolved.fingerprint) == (AlertStatus.RESOLVED, fired.fingerprint)
    assert resolved.starts_at == fired.starts_at
    assert resolved.ends_at is not None
    assert resolved.ends_at > fired.starts_at


async def test_nothing_is_said_unasked() -> None:
    drive = Drive(ForecastAgentOptions())
    await drive.minutes(leak(until=169))

    assert not drive.alerts


async def test_calm_raises_nothing() -> None:
    drive = Drive()
    await drive.minutes([50.0] * 200)

    assert not drive.alerts


async def test_a_series_that_is_hardly_known_raises_nothing() -> None:
    drive = Drive()
    await drive.minutes(np.arange(120.0, 169.0, 1.0))

    assert not drive.alerts


async def test_history_teaches_and_raises_nothing() -> None:
    drive = Drive(behind=timedelta(hours=12))
    await drive.minutes(leak(until=169))

    assert not drive.alerts


async def test_a_frame_that_comes_again_is_not_counted_again() -> None:
    once, twice = Drive(), Drive()
    for drive, times in ((once, 1), (twice, 2)):
        for value in leak(until=165):
            await drive.minutes([value])
            for _ in range(times - 1):
                await drive.agent.handle(drive.frame([500.0, 170.0]))

    assert [alert.title for alert in twice.alerts] == [alert.title for alert in once.alerts]
