"""The pull agent asks at its pace, loses nothing, and is stopped by nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from akeso.agents.intake.pull import PullAgent, Pulled, PullMetrics, PullOptions, PullSink
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import AkesoError, InvalidInput, Overloaded, Unavailable
from akeso.domain.estate.access import AKESO
from akeso.domain.estate.topology import Edge
from akeso.domain.telemetry.batches import NANOSECONDS, MetricBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.puller import PullRequest, PullResult
from akeso.ports.source import Answer, Intake, Rejected
from akeso.testing.clock import FakeClock
from akeso.testing.pull import ScriptedPuller

SECOND = timedelta(seconds=1)
TIMING = PullOptions(every=10 * SECOND, delay=2 * SECOND)
ALERT = Alert(
    "acme", "f", "alertmanager", "cart", "slow", Severity.ERROR, AlertStatus.FIRING, datetime(2030, 1, 1, tzinfo=UTC)
)


class World:
    """One endpoint, its agent and where things go."""

    def __init__(self, options: PullOptions = TIMING) -> None:
        self.clock, self.puller, self.registry = FakeClock(), ScriptedPuller(), CollectorRegistry()
        self.metrics = PullMetrics(self.registry)
        self.began = self.clock.nanoseconds()
        self.is_open = True
        self.refusals: list[AkesoError] = []
        self.intakes: list[tuple[float, Intake]] = []
        self.edges: list[Edge] = []
        self.marks: dict[str, int] = {}
        self.options = options

    def seconds(self, instant: int) -> float:
        return (instant - self.began) / NANOSECONDS

    @property
    def asked(self) -> list[tuple[float, float]]:
        return [(self.seconds(each.since), self.seconds(each.until)) for each in self.puller.requests]

    def count(self, name: str) -> float:
        return self.registry.get_sample_value(name, {"endpoint": "prom"}) or 0.0

    async def accept(self, intake: Intake, author: str) -> Answer:
        assert author == AKESO
        if self.refusals:
            raise self.refusals.pop(0)
        self.intakes.append((self.seconds(self.clock.nanoseconds()), intake))
        return intake.answer

    async def marked(self, name: str) -> int:
        return self.marks.get(name, 0)

    async def mark(self, name: str, value: int) -> None:
        self.marks[name] = value

    def agent(self) -> PullAgent:
        sink = PullSink(
            lambda: self.is_open, self.accept, lambda _, edges: self.edges.extend(edges), self.marked, self.mark
        )
        pulled = Pulled("prom", "acme", self.puller, self.options)
        return PullAgent([pulled], sink, self.clock, SeriesTable(), self.metrics)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        agent = self.agent()
        await agent.start()
        await asyncio.sleep(0)
        try:
            yield
        finally:
            await agent.stop()


@pytest.fixture
def world() -> World:
    return World()


def a_point_a_second(request: PullRequest) -> PullResult:
    half = NANOSECONDS // 2
    times = np.arange((request.since + half) // NANOSECONDS, (request.until + half) // NANOSECONDS) * NANOSECONDS + half
    block = MetricBlock(np.zeros(len(times), np.int32), times, np.ones(len(times)))
    return PullResult(TelemetryBatch(request.tenant, request.until, metrics=block), request.until)


async def test_each_request_goes_on_where_the_last_one_ended(world: World) -> None:
    async with world.running():
        await world.clock.advance(25 * SECOND)
    assert world.asked == [(-12, -2), (-2, 8), (8, 18)]
    assert world.puller.closed


async def test_it_is_never_asked_faster_than_agreed_even_when_far_behind(world: World) -> None:
    world.marks["pull:prom"] = world.began - 300 * NANOSECONDS
    async with world.running():
        await world.clock.advance(45 * SECOND)
    assert world.asked == [(-300, -200), (-200, -100), (-100, 0), (0, 28), (28, 38)]


async def test_after_a_restart_it_goes_on_where_it_was(world: World) -> None:
    async with world.running():
        await world.clock.advance(5 * SECOND)
    await world.clock.advance(20 * SECOND)
    async with world.running():
        await world.clock.advance(1 * SECOND)
    assert world.asked == [(-12, -2), (-2, 23)]


async def test_what_is_older_than_the_backfill_is_left_out(world: World) -> None:
    world.marks["pull:prom"] = world.began - 86_400 * NANOSECONDS
    async with world.running():
        await world.clock.advance(1 * SECOND)
    assert world.asked == [(-600, -500)]


async def test_samples_are_handed_on_slot_by_slot_and_always_equally_late(world: World) -> None:
    world.puller.pulled = a_point_a_second
    async with world.running():
        await world.clock.advance(40 * SECOND)
    late = [at - world.seconds(int(intake.batch.metrics.time[0])) for at, intake in world.intakes]
    assert len(world.intakes) >= 30
    assert all(len(intake.batch.metrics) == 1 for _, intake in world.intakes)
    # A pause, the endpoint's delay, and half a slot until it ends.
    assert late == pytest.approx([12.5] * len(late), abs=1e-3)
    assert world.count("akeso_pull_samples_total") == len(world.intakes)


async def test_what_a_puller_skipped_is_counted_and_its_position_moves_on(world: World) -> None:
    def skipping(request: PullRequest) -> PullResult:
        batch = TelemetryBatch(request.tenant, request.until)
        return PullResult(batch, request.until, rejected=(Rejected("values[1]", "", "is none", 3),))

    world.puller.pulled = skipping
    async with world.running():
        await world.clock.advance(1 * SECOND)
    assert world.count("akeso_pull_skipped_total") == 3
    assert [each.reason for _, intake in world.intakes for each in intake.rejected] == ["is none"]
    assert world.marks["pull:prom"] == world.puller.requests[0].until


async def test_a_dead_endpoint_is_counted_and_what_it_held_is_asked_for_later(world: World) -> None:
    world.puller.failure = Unavailable("nobody is there")
    async with world.running():
        await world.clock.advance(35 * SECOND)
        assert world.count("akeso_pull_failures_total") == 4
        world.puller.failure = None
        await world.clock.advance(10 * SECOND)
    assert world.asked[-1] == (-12, 38)
    assert world.count("akeso_pull_behind_seconds") == pytest.approx(2.0)


async def test_an_endpoint_that_stays_dead_is_asked_less_often(world: World) -> None:
    world.puller.failure = InvalidInput("body", "is no JSON")
    async with world.running():
        await world.clock.advance(200 * SECOND)
    # Five failures in a row, then one try each forty seconds.
    assert len(world.puller.requests) < 10


async def test_a_defect_of_a_puller_is_no_end(world: World) -> None:
    world.puller.failure = KeyError("a defect")
    async with world.running():
        await world.clock.advance(5 * SECOND)
        world.puller.failure = None
        await world.clock.advance(10 * SECOND)
    assert world.asked == [(-12, -2), (-12, 8)]


@pytest.mark.parametrize("refusal", [Overloaded("full", 3 * SECOND), Unavailable("the disk refuses")])
async def test_what_is_not_taken_is_offered_again(world: World, refusal: AkesoError) -> None:
    world.puller.pulled = a_point_a_second
    world.refusals = [refusal, refusal]
    async with world.running():
        await world.clock.advance(30 * SECOND)
    told = [world.seconds(int(intake.batch.metrics.time[0])) for _, intake in world.intakes]
    assert told == [number - 11.5 for number in range(len(told))]
    assert len(told) > 20


async def test_a_haul_counts_as_accepted_only_when_all_of_it_is_durable(world: World) -> None:
    world.puller.pulled = a_point_a_second
    world.refusals = [Unavailable("the disk refuses")] * 100
    async with world.running():
        await world.clock.advance(30 * SECOND)
    assert world.puller.taken == []
    assert world.marks == {}


async def test_alerts_and_edges_are_handed_on_at_once(world: World) -> None:
    edge = Edge("cart", "stock", rate=2.0, last_seen=5)
    world.puller.pulled = lambda request: PullResult(
        TelemetryBatch(request.tenant, request.until), request.until, (ALERT,), (edge,)
    )
    async with world.running():
        await world.clock.advance(1 * SECOND)
    assert [(at, intake.alerts) for at, intake in world.intakes] == [(0.0, (ALERT,))]
    assert world.edges == [edge]


async def test_nothing_is_asked_before_akeso_takes_anything_in(world: World) -> None:
    world.is_open = False
    async with world.running():
        await world.clock.advance(15 * SECOND)
        assert world.asked == []
        world.is_open = True
        await world.clock.advance(10 * SECOND)
    assert len(world.asked) == 1


async def test_an_answer_that_was_cut_off_is_asked_on_from_there(world: World) -> None:
    world.puller.pulled = lambda request: replace(a_point_a_second(request), upto=request.since + 3 * NANOSECONDS)
    async with world.running():
        await world.clock.advance(25 * SECOND)
    assert [since for since, _ in world.asked] == [-12, -9, -6]
