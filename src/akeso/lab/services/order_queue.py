"""Exports the state of the order stream."""

import time
from typing import Any

from redis.exceptions import RedisError

from akeso.lab.chassis.floor import Floor, Service
from akeso.lab.shop.blueprint import CONSUMER_GROUP, STREAM

READ_EVERY_S = 1.0
LABELS = {"messaging.destination.name": STREAM, "messaging.consumer.group.name": CONSUMER_GROUP}


async def watch(floor: Floor) -> None:
    """Read length, pending messages and the age of the oldest each second."""
    latest: dict[str, float] = {}

    def reading(key: str) -> Any:
        return lambda: [(latest[key], dict(LABELS))] if key in latest else []

    floor.instruments.gauge("messaging.queue.depth", "{message}", reading("depth"))
    floor.instruments.gauge("messaging.queue.pending", "{message}", reading("pending"))
    floor.instruments.gauge("messaging.queue.oldest_message_age", "s", reading("oldest"))
    await floor.valkey.ensure_group()
    while not floor.stopping.is_set():
        try:
            latest.update(await _measure(floor))
        except RedisError as exc:
            latest.clear()
            floor.telemetry.log.failed(f"the queue could not be read: {exc}", exc)
        await floor.pause(READ_EVERY_S)


async def _measure(floor: Floor) -> dict[str, float]:
    client = floor.redis
    groups: Any = await client.xinfo_groups(STREAM)
    first: Any = await client.xrange(STREAM, count=1)
    # An entry's id starts with the millisecond it was added.
    oldest = time.time() - int(first[0][0].split("-")[0]) / 1000 if first else 0.0
    return {
        "depth": float(await client.xlen(STREAM)),
        "pending": float(sum(group["pending"] for group in groups)),
        "oldest": max(0.0, oldest),
    }


SERVICE = Service(tasks=(watch,))
