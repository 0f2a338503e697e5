import asyncio

import pytest

from akeso.lab.chassis.slots import Slots
from akeso.lab.errors import Saturated


async def occupied(slots: Slots, count: int, release: asyncio.Event) -> "list[asyncio.Task[None]]":
    """Tasks that hold a slot, or wait for one, until `release`."""

    async def hold() -> None:
        async with slots.taken():
            await release.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_no_more_than_the_limit_work_at_once() -> None:
    slots, release = Slots(limit=2, queue=5), asyncio.Event()
    tasks = await occupied(slots, 4, release)
    assert (slots.used, slots.waiting) == (2, 2)
    release.set()
    await asyncio.gather(*tasks)
    assert (slots.used, slots.waiting) == (0, 0)


async def test_a_full_queue_refuses_at_once() -> None:
    slots, release = Slots(limit=1, queue=1), asyncio.Event()
    tasks = await occupied(slots, 2, release)
    with pytest.raises(Saturated, match="all 1 workers are busy"):
        async with slots.taken():
            pass
    release.set()
    await asyncio.gather(*tasks)


async def test_waiting_ends_when_no_slot_comes_free_in_time() -> None:
    slots, release = Slots(limit=1, queue=5, patience_s=0.02), asyncio.Event()
    tasks = await occupied(slots, 1, release)
    with pytest.raises(Saturated, match="within"):
        async with slots.taken():
            pass
    release.set()
    await asyncio.gather(*tasks)


async def test_a_failure_gives_its_slot_back() -> None:
    slots = Slots(limit=1, queue=0)
    with pytest.raises(KeyError):
        async with slots.taken():
            raise KeyError("x")
    async with slots.taken():
        assert slots.used == 1
