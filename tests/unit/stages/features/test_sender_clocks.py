"""Senders whose clocks are off: corrected when they are steadily so, reported, and never believed for once."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from akeso.adapters.buses.local import LocalBus
from akeso.adapters.telemetry.hot import HotWindow
from akeso.adapters.telemetry.memory import MemoryTelemetryStore
from akeso.agents.detection.feature import FeatureAgent
from akeso.agents.intake.ingestion import IngestionAgent
from akeso.composition.prometheus_collectors import IntakeCollector
from akeso.domain.telemetry.batches import NANOSECONDS, LogBlock, MetricBlock, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Message, Topic
from akeso.stages.features.sender_clocks import Sender, SenderClocks
from akeso.stages.features.slots import FeatureOptions
from akeso.testing.clock import FakeClock
from akeso.testing.feature_bench import FeatureBench
from akeso.testing.window import Tracer

A = (("service.instance.id", "a"),)
QUEUE = SeriesKey("acme", "cart", "worker.queue.length", unit="{request}", attributes=A)
COUNTER = SeriesKey("acme", "cart", "requests", unit="1", attributes=A, temporality=Temporality.CUMULATIVE)
OTHER = replace(QUEUE, service="stock")
CART = Sender("acme", "cart", "a", "metrics")


@pytest.fixture
def clocks() -> SenderClocks:
    return SenderClocks(FeatureOptions())


def told(clocks: SenderClocks, at: float, lag: float) -> float:
    """The correction of a batch that comes at `at`, in seconds."""
    received = round(at * NANOSECONDS)
    return clocks.offset(CART, received - round(lag * NANOSECONDS), received) / NANOSECONDS


@pytest.mark.parametrize("lag", [60.0, -60.0, 3600.0])
def test_a_steady_clock_is_corrected_after_a_while(clocks: SenderClocks, lag: float) -> None:
    found = [told(clocks, 1000 + second, lag + 0.1 * (second % 3)) for second in range(8)]
    assert found[:5] == [0.0] * 5
    assert found[5:] == [lag] * 3
    assert clocks.offsets == {CART: lag}


@pytest.mark.parametrize("lag", [0.0, 4.9, -4.9, 100_000.0])
def test_a_clock_that_is_about_right_or_beyond_belief_is_left_alone(clocks: SenderClocks, lag: float) -> None:
    assert [told(clocks, 1000 + second, lag) for second in range(60)] == [0.0] * 60
    assert not clocks.offsets


def test_a_queue_that_is_worked_off_is_late_and_no_wrong_clock(clocks: SenderClocks) -> None:
    assert [told(clocks, 1000 + second, 60 - 3 * second) for second in range(18)] == [0.0] * 18


def test_a_clock_that_stands_still_is_not_believed(clocks: SenderClocks) -> None:
    assert [told(clocks, 1000 + second, 10 + second) for second in range(60)] == [0.0] * 60


def test_a_clock_that_is_set_right_is_believed_again(clocks: SenderClocks) -> None:
    for second in range(10):
        told(clocks, 1000 + second, 60)
    assert told(clocks, 1010, 0) == 60
    for second in range(1, 8):
        told(clocks, 1010 + second, 0)
    assert not clocks.offsets
    assert told(clocks, 1020, 0) == 0


def test_small_changes_do_not_move_the_correction(clocks: SenderClocks) -> None:
    for second in range(10):
        told(clocks, 1000 + second, 60)
    assert {told(clocks, 1010 + second, 60 + (second % 2) * 1.5) for second in range(20)} == {60.0}


@pytest.mark.parametrize("off", [-40.0, 40.0])
def test_metrics_of_a_wrong_clock_count_when_they_came(bench: FeatureBench, off: float) -> None:
    for second in range(1, 13):
        at = second + 0.9
        bench.send(
            at, (QUEUE, at - 0.1 + off, float(second)), (OTHER, at - 0.1, 5.0), (COUNTER, at - 0.1 + off, 3.0 * second)
        )
    bench.close(13)
    ends = [end for end in bench.ends if end >= 8]
    assert [bench.value(end, "cart", "worker.queue.length") for end in ends] == [end - 1 for end in ends]
    assert [bench.value(end, "stock", "worker.queue.length") for end in ends] == [5.0] * len(ends)
    assert [bench.value(end, "cart", "requests", "rate") for end in ends] == pytest.approx([3.0] * len(ends))
    assert bench.builder.tally.corrected > 0
    assert bench.builder.clocks.offsets == {CART: pytest.approx(0.1 - off)}


def test_spans_of_a_wrong_clock_count_when_they_came(bench: FeatureBench) -> None:
    tracer = Tracer()
    for second in range(1, 13):
        at = second + 0.9
        spans = [tracer.server("cart", at - 30.2, at - 30.1) for _ in range(4)]
        bench.send(at, spans=spans)
    bench.close(13)
    assert [bench.value(end, "cart", "akeso.red.rate") for end in range(9, 13)] == [4.0] * 4
    assert list(bench.builder.clocks.offsets) == [Sender("acme", "cart", "", "traces")]


def test_log_lines_of_a_wrong_clock_count_when_they_came(bench: FeatureBench) -> None:
    for second in range(1, 13):
        at = second + 0.9
        stamps = np.full(3, bench.at(at - 25.0), np.int64)
        lines = tuple(f"line {second} {number}" for number in range(3))
        block = LogBlock("cart", stamps, np.zeros(3, np.uint8), lines, np.zeros(3, np.uint64))
        bench.take(TelemetryBatch("acme", bench.at(at), logs=(block,)))
    bench.close(13)
    assert [bench.value(end, "cart", "akeso.log.rate") for end in range(9, 13)] == [3.0] * 4


def test_a_right_clock_costs_no_correction(bench: FeatureBench) -> None:
    for second in range(1, 13):
        bench.send(second + 0.9, (QUEUE, second + 0.8, 1.0))
    assert bench.builder.tally.corrected == 0


async def test_tallies_and_wrong_clocks_are_metrics() -> None:
    ingest, features, clock = SeriesTable(), SeriesTable(), FakeClock()
    bus = LocalBus(None)
    slot = timedelta(seconds=1)
    agent = FeatureAgent(bus, clock, ingest, features, HotWindow(slot, 60 * slot, features))
    registry = CollectorRegistry()
    registry.register(IntakeCollector(IngestionAgent(MemoryTelemetryStore(ingest), bus, clock, ingest), agent))
    for _ in range(9):
        now = clock.nanoseconds()
        stamp = np.array([now - 60 * NANOSECONDS], np.int64)
        block = MetricBlock(ingest.intern_all([QUEUE]), stamp, np.ones(1))
        await agent.handle(Message(Topic.RAW_EVENTS, "acme", TelemetryBatch("acme", now, metrics=block)))
        await clock.advance(slot)
    told = generate_latest(registry).decode()
    assert "akeso_samples_dropped_total 5.0" in told
    assert "akeso_samples_corrected_total 4.0" in told
    labels = 'instance="a",service="cart",signal="metrics",tenant="acme"'
    assert f"akeso_sender_clock_offset_seconds{{{labels}}} 60.0" in told
    await bus.close()
