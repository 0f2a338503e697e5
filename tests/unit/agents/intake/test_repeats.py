"""The same push twice is stored once, where its format allows that to be known."""

import asyncio

import numpy as np
import pytest

from akeso.agents.intake.repeats import RecentMarks, Repeats
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.batches import Change, LogBlock, MetricBlock, TelemetryBatch
from akeso.domain.telemetry.times import instant_of
from akeso.ports.source import Answer, Identity, Intake
from akeso.testing.telemetry import sample_logs, sample_spans

AT = 1_700_000_000_000_000_000
RECEIVED = AT + 10**9
UNKNOWN = Identity()


def intake(identity: Identity = UNKNOWN, tenant: str = "t", alerts: tuple[Alert, ...] = (), **parts: object) -> Intake:
    return Intake(TelemetryBatch(tenant, RECEIVED, **parts), Answer(), alerts, identity=identity)  # type: ignore[arg-type]


async def taken(repeats: Repeats, told: Intake) -> Intake:
    async with repeats.once(told) as fresh:
        return fresh


def points(at: int = AT) -> MetricBlock:
    return MetricBlock(np.array([0], np.int32), np.array([at]), np.array([1.0]))


async def test_spans_are_known_by_their_ids_whatever_comes_beside_them() -> None:
    repeats, block = Repeats(), sample_spans(AT)
    await taken(repeats, intake(spans=(block.where(np.array([True, False])),)))
    again = await taken(repeats, intake(spans=(block,)))
    assert [each.span.tolist() for each in again.batch.spans] == [[2**63]]
    assert repeats.repeated == 1
    assert (await taken(repeats, intake(spans=(block,)))).batch.spans == ()


async def test_a_span_of_another_tenant_service_or_kind_is_another() -> None:
    repeats, block = Repeats(), sample_spans(AT)
    await taken(repeats, intake(spans=(block,)))
    assert len((await taken(repeats, intake(tenant="other", spans=(block,)))).batch) == 2


async def test_a_line_is_its_stream_time_and_text_where_the_format_says_so() -> None:
    repeats, block, by_line = Repeats(), sample_logs(AT), Identity(lines=True)
    moved = LogBlock(block.service, block.time + 1, block.severity, block.body, block.trace, block.attributes)
    await taken(repeats, intake(by_line, logs=(block,)))
    assert len((await taken(repeats, intake(by_line, logs=(block,)))).batch) == 0
    assert len((await taken(repeats, intake(by_line, logs=(moved,)))).batch) == 2
    assert len((await taken(repeats, intake(logs=(block,)))).batch) == 2


async def test_a_large_push_of_lines_is_known_as_a_whole_only() -> None:
    repeats, identity = Repeats(), Identity(request=7, lines=True)
    count = 300
    block = LogBlock(
        "cart",
        np.arange(AT, AT + count),
        np.zeros(count, np.uint8),
        tuple(map(str, range(count))),
        np.zeros(count, np.uint64),
    )
    for expected in (count, 0):
        assert len((await taken(repeats, intake(identity, logs=(block,)))).batch) == expected
    assert len((await taken(repeats, intake(Identity(request=8, lines=True), logs=(block,)))).batch) == count


async def test_a_request_is_known_as_a_whole() -> None:
    repeats = Repeats()
    for expected in (1, 0):
        assert len((await taken(repeats, intake(Identity(request=7), metrics=points()))).batch) == expected
    assert len((await taken(repeats, intake(Identity(request=8), metrics=points()))).batch) == 1


async def test_a_request_without_times_of_its_own_may_come_twice() -> None:
    repeats, told = Repeats(), intake(Identity(request=7), metrics=points(RECEIVED))
    assert [len((await taken(repeats, told)).batch) for _ in range(2)] == [1, 1]


async def test_events_and_alerts_are_known_by_the_names_they_have() -> None:
    repeats, noon = Repeats(), instant_of(AT)
    alert = Alert("t", "f", "s", "cart", "title", Severity.ERROR, AlertStatus.FIRING, noon)
    change = Change("cart", "deploy", "2", noon)
    identity = Identity(logs=("a",), changes=("b",), alerts=("c",))
    told = intake(identity, alerts=(alert,), changes=(change,), logs=(sample_logs(AT),))
    assert await taken(repeats, told) is told
    again = await taken(repeats, told)
    assert (len(again.batch), again.alerts) == (0, ())
    renamed = await taken(repeats, intake(Identity(changes=("d",)), changes=(change,)))
    assert renamed.batch.changes == (change,)


async def test_what_could_not_be_stored_is_news_again() -> None:
    repeats, told = Repeats(), intake(spans=(sample_spans(AT),))
    with pytest.raises(Unavailable):
        async with repeats.once(told):
            raise Unavailable("no disk")
    assert await taken(repeats, told) is told


async def test_the_same_push_waits_while_the_first_is_being_stored() -> None:
    repeats, told = Repeats(), intake(spans=(sample_spans(AT),))
    async with repeats.once(told):
        second = asyncio.create_task(taken(repeats, told))
        await asyncio.sleep(0)
        assert not second.done()
    assert len((await second).batch) == 0


async def test_what_was_stored_before_the_start_is_remembered() -> None:
    repeats = Repeats()
    repeats.remember(TelemetryBatch("t", RECEIVED, logs=(sample_logs(AT),), spans=(sample_spans(AT),)))
    told = intake(Identity(lines=True), logs=(sample_logs(AT),), spans=(sample_spans(AT),))
    assert len((await taken(repeats, told)).batch) == 0


def test_memory_is_bounded_and_the_newest_stay() -> None:
    recent, rng = RecentMarks(2**10), np.random.default_rng(7)
    for _ in range(50):
        marks = rng.integers(1, 2**63, 100).astype(np.uint64)
        recent.add(marks)
        assert recent.seen(marks).mean() > 0.98
    assert not recent.seen(rng.integers(1, 2**63, 1000).astype(np.uint64)).any()
