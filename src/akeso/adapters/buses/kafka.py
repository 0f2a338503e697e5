"""The bus on Kafka: one topic each, keyed by the message's key, offsets committed after the effect."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.kafka_member import KafkaMember
from akeso.adapters.buses.kafka_topics import KafkaTopics
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.ports.bus import Subscription, Topic

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_FULL_S = 0.02
# A body of 20 MiB, the largest that comes in over HTTP, is no larger when it is handed on.
_LARGEST = 2**25
_FRAMING = 2**12


@dataclass(frozen=True, slots=True)
class KafkaBusOptions:
    """How Kafka is used.

    client: settings for librdkafka (security, addresses of proxies, …), which win over Akeso's own.
    partitions: partitions of topics that do not exist yet.
    capacity: messages that a subscriber may be behind before no more are fetched for it.
    delivery: a message that no broker took for this long is given up.
    joining: how long topics may take to be there, and a group to give a subscriber its partitions.
    session: a member without a heartbeat for this long has left its group.
    """

    client: Mapping[str, str | int | bool] = field(default_factory=lambda: MappingProxyType({}))
    partitions: int = 12
    capacity: int = 256
    delivery: timedelta = timedelta(seconds=10)
    joining: timedelta = timedelta(seconds=30)
    session: timedelta = timedelta(seconds=10)


class KafkaBus:
    """Implements akeso.ports.bus.Bus. servers: `host:port`, comma-separated; they may come up later.

    The client's asyncio wrapper is not used: it batches up to a second before it sends, and takes a thread for every
    call. Here one thread serves all deliveries, and one each subscription.
    """

    def __init__(self, servers: str, codec: PayloadCodec, options: KafkaBusOptions | None = None) -> None:
        self._codec = codec
        self._options = options or KafkaBusOptions()
        self._client: dict[str, Any] = {"bootstrap.servers": servers, "logger": _Quiet(), **self._options.client}
        self._producer = Producer(
            {
                **self._client,
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2",  # Java's; the default one scatters the messages of an empty key
                "linger.ms": 2,
                "compression.type": "zstd",
                "message.max.bytes": _LARGEST,
                "delivery.timeout.ms": _ms(self._options.delivery),
            }
        )
        self._members: set[KafkaMember] = set()
        self._topics = KafkaTopics(self._client, self._options.partitions, _LARGEST + _FRAMING)
        self._closed = False
        self._served = threading.Thread(target=self._serve, name="kafka-deliveries", daemon=True)
        self._served.start()

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        value = self._codec.encode(payload)
        self._check_open()
        await self._topics.ready(topic, self._options.delivery)
        delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        while True:
            try:
                self._producer.produce(topic.value, value, key.encode(), on_delivery=_reporter(delivered))
                break
            except BufferError:
                await asyncio.sleep(_FULL_S)  # the client's own queue is full: the brokers are behind
                self._check_open()
            except KafkaException as failure:
                raise _refused(topic, failure.args[0]) from failure
        try:
            await delivered
        except KafkaException as failure:
            raise _refused(topic, failure.args[0]) from failure

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[Topic], group: str) -> AsyncIterator[Subscription]:
        self._check_open()
        await asyncio.gather(*(self._topics.ready(topic, self._options.joining) for topic in topics))
        session = self._options.session
        timing = {"session.timeout.ms": _ms(session), "heartbeat.interval.ms": _ms(session / 4)}
        settings = {**timing, **self._client, "group.id": group}
        member = KafkaMember(settings, topics, self._codec, self._options.capacity)
        self._members.add(member)
        try:
            await member.join(self._options.joining)
            yield member
        finally:
            self._members.discard(member)
            await asyncio.shield(member.leave())

    async def close(self) -> None:
        """Sends what waits and ends all subscriptions. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(*(member.leave() for member in list(self._members)))
        self._topics.close()
        await asyncio.to_thread(self._producer.flush, self._options.delivery.total_seconds())
        await asyncio.to_thread(self._served.join)

    def _serve(self) -> None:
        while not self._closed:
            self._producer.poll(_POLL_S)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the bus is closed")


class _Quiet:
    """librdkafka's log lines belong into Akeso's log, not onto the terminal."""

    def log(self, level: int, message: str, *arguments: Any) -> None:
        with suppress(TypeError):
            message = message % arguments
        log.debug("kafka.client", level=level, message=message)


def _refused(topic: Topic, error: KafkaError) -> InvalidInput | Unavailable:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return InvalidInput("message", f"is too large for the Kafka topic {topic}")
    return Unavailable(f"Kafka did not take a message for {topic}: {error.str()}")


def _reporter(delivered: asyncio.Future[None]) -> Any:
    loop = delivered.get_loop()

    def settle(error: KafkaError | None) -> None:
        if delivered.done():
            return
        if error is None:
            delivered.set_result(None)
        else:
            delivered.set_exception(KafkaException(error))

    def report(error: KafkaError | None, _: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    return report


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
