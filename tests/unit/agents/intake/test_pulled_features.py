"""What is pulled every fifteen seconds becomes a feature of every second, seventeen seconds late."""

from datetime import timedelta

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from akeso.adapters.buses.local import LocalBus
from akeso.adapters.telemetry.hot import HotWindow
from akeso.agents.detection.feature import FeatureAgent
from akeso.agents.intake.pull import PullAgent, Pulled, PullMetrics, PullOptions, PullSink
from akeso.domain.estate.access import AKESO
from akeso.domain.telemetry.batches import NANOSECONDS, MetricBlock, SeriesKey, SpanKind, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Message, Topic
from akeso.ports.puller import PullRequest, PullResult
from akeso.ports.source import Answer, Intake
from akeso.testing.clock import FakeClock
from akeso.testing.pull import ScriptedPuller
from akeso.testing.window import Span, span_blocks

SECOND = timedelta(seconds=1)
COUNTER = SeriesKey("acme", "cart", "requests_total", temporality=Temporality.CUMULATIVE)
PER_SECOND = 10


def answer(request: PullRequest) -> PullResult:
    """A counter and ten calls, in the middle of each second."""
    half = NANOSECONDS // 2
    seconds = np.arange((request.since + half) // NANOSECONDS, (request.until + half) // NANOSECONDS)
    block = MetricBlock(
        np.zeros(len(seconds), np.int32), seconds * NANOSECONDS + half, (seconds * PER_SECOND).astype(np.float64)
    )
    calls = [
        Span("cart", SpanKind.SERVER, second + 0.4, second + 0.5, id=second * PER_SECOND + number)
        for second in seconds.tolist()
        for number in range(PER_SECOND)
    ]
    batch = TelemetryBatch(request.tenant, request.until, metrics=block, spans=span_blocks(*calls))
    return PullResult(batch, request.until)


async def test_rates_are_those_of_each_second_and_come_without_bursts() -> None:
    clock, ingest, features, bus = FakeClock(), SeriesTable([COUNTER]), SeriesTable(), LocalBus(None)
    window = HotWindow(SECOND, 120 * SECOND, features)
    agent = FeatureAgent(bus, clock, ingest, features, window)

    async def accept(intake: Intake, author: str) -> Answer:
        assert author == AKESO
        await agent.handle(Message(Topic.RAW_EVENTS, "acme", intake.batch))
        return intake.answer

    async def marked(_: str) -> int:
        return 0

    async def mark(_: str, __: int) -> None: ...

    sink = PullSink(lambda: True, accept, lambda *_: None, marked, mark)
    pulled = Pulled("prom", "acme", ScriptedPuller(answer), PullOptions(every=15 * SECOND, delay=2 * SECOND))
    pull = PullAgent([pulled], sink, clock, ingest, PullMetrics(CollectorRegistry()))
    await pull.start()
    for _ in range(60):
        await clock.advance(SECOND)
        await agent.tick(clock.now())
    await pull.stop()
    found = window.features("acme", window.now - 40 * NANOSECONDS, window.now)
    for metric, stat in (("requests_total", "rate"), ("akeso.red.rate", "")):
        (column,) = [
            n for n, key in enumerate(found.keys) if (key.metric, key.stat) == (metric, stat) and not key.attributes
        ]
        assert found.values[:, column].tolist() == pytest.approx([PER_SECOND] * len(found.times)), metric
    assert len(found.times) == 41
    await bus.close()
