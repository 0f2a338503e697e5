"""Valkey for a service: carts as hashes, orders as a stream with a consumer group."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from akeso.lab.chassis.instruments import Instruments
from akeso.lab.chassis.telemetry import PROPAGATOR, Telemetry
from akeso.lab.errors import DatabaseFailed
from akeso.lab.shop.blueprint import CONSUMER_GROUP, STREAM

PEER = "order-queue"
TIMEOUT_S = 2.0
BLOCK_MS = 400
BATCH = 4


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the stream; `carrier` holds the producer's trace context."""

    id: str
    order: str
    carrier: dict[str, str]


class Valkey:
    """Operations with spans and durations. They raise DatabaseFailed."""

    def __init__(self, url: str, telemetry: Telemetry, instruments: Instruments) -> None:
        self.client: Redis = Redis.from_url(url, decode_responses=True, socket_timeout=TIMEOUT_S)
        self._tracer = telemetry.tracer
        self._durations = instruments.database_duration

    async def add_to_cart(self, cart: str, sku: str) -> int:
        """Put one piece of `sku` into a cart that lives an hour; returns its new quantity."""
        async with self._operation("HINCRBY", "cart"):
            quantity: int = await _answer(self.client.hincrby(f"cart:{cart}", sku, 1))
            await self.client.expire(f"cart:{cart}", 3600)
            return quantity

    async def publish(self, order: str) -> None:
        """Append an order to the stream, with the trace context of the caller."""
        with self._tracer.start_as_current_span(
            f"send {STREAM}",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "valkey",
                "messaging.operation.type": "send",
                "messaging.destination.name": STREAM,
                "peer.service": PEER,
            },
        ):
            carrier: dict[str, str] = {}
            PROPAGATOR.inject(carrier)
            fields: dict[Any, Any] = {"order": order, **carrier}
            async with self._operation("XADD", STREAM):
                await self.client.xadd(STREAM, fields)

    async def ensure_group(self) -> None:
        """Create the consumer group unless it exists."""
        try:
            await self.client.xgroup_create(STREAM, CONSUMER_GROUP, id="0", mkstream=True)
        except ResponseError as exc:
            if "BUSYGROUP" not in str(exc):
                raise DatabaseFailed(str(exc)) from exc

    async def read(self, consumer: str, *, own: bool) -> tuple[Message, ...]:
        """The next messages: those this consumer already holds when `own`, else new ones, waiting a moment."""
        try:
            answer: Any = await self.client.xreadgroup(
                CONSUMER_GROUP, consumer, {STREAM: "0" if own else ">"}, count=BATCH, block=None if own else BLOCK_MS
            )
        except RedisError as exc:
            raise DatabaseFailed(f"{PEER}: {exc}") from exc
        return tuple(_message(key, fields) for _, entries in answer or () for key, fields in entries if fields)

    async def done(self, message: Message) -> None:
        """Acknowledge a message and remove it, so that the stream's length is the work outstanding."""
        try:
            await self.client.xack(STREAM, CONSUMER_GROUP, message.id)
            await self.client.xdel(STREAM, message.id)
        except RedisError as exc:
            raise DatabaseFailed(f"{PEER}: {exc}") from exc

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    @asynccontextmanager
    async def _operation(self, operation: str, collection: str) -> AsyncIterator[Span]:
        attributes = {
            "db.system.name": "valkey",
            "db.operation.name": operation,
            "db.collection.name": collection,
            "server.address": PEER,
        }
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            f"{operation} {collection}", kind=SpanKind.CLIENT, attributes={**attributes, "peer.service": PEER}
        ) as span:
            try:
                yield span
            except RedisError as exc:
                attributes["error.type"] = type(exc).__name__
                span.set_status(Status(StatusCode.ERROR, str(exc)))
                raise DatabaseFailed(f"{PEER}: {exc}") from exc
            finally:
                self._durations.record(time.perf_counter() - started, attributes)


async def _answer(reply: Awaitable[int] | int) -> int:
    return reply if isinstance(reply, int) else await reply


def _message(key: str, fields: dict[str, str]) -> Message:
    carrier = {name: value for name, value in fields.items() if name != "order"}
    return Message(id=key, order=fields["order"], carrier=carrier)
