"""Events through the bus inside a process: published by one task, taken and committed by another."""

import asyncio
import time

from akeso.adapters.buses.local import LocalBus
from akeso.ports.bus import Subscription, Topic

_EVENTS = 100_000


def bus_events_per_s() -> float:
    """Events a second of the local bus, one subscriber that commits each."""
    return asyncio.run(_through_bus())


def queue_events_per_s() -> float:
    """Events a second of asyncio.Queue between the same two tasks: neither topics, groups nor commits."""
    return asyncio.run(_through_queue())


async def _through_bus() -> float:
    bus = LocalBus()
    async with bus.subscribe((Topic.FEATURES,), "bench") as subscription:
        taker = asyncio.create_task(_take(subscription))
        began = time.perf_counter()
        for number in range(_EVENTS):
            await bus.publish(Topic.FEATURES, "", number)
        await taker
        took = time.perf_counter() - began
    await bus.close()
    return _EVENTS / took


async def _take(subscription: Subscription) -> None:
    async for message in subscription:
        await subscription.commit(message)
        if message.payload == _EVENTS - 1:
            return


async def _through_queue() -> float:
    queue: asyncio.Queue[int] = asyncio.Queue(1024)

    async def take() -> None:
        while await queue.get() != _EVENTS - 1:
            pass

    taker = asyncio.create_task(take())
    began = time.perf_counter()
    for number in range(_EVENTS):
        await queue.put(number)
    await taker
    return _EVENTS / (time.perf_counter() - began)
