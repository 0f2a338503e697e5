"""The bus on Kafka itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from confluent_kafka import Producer

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.kafka import KafkaBus, KafkaBusOptions
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.messages import Decision
from akeso.domain.series import SeriesTable
from akeso.ports.bus import Bus, Topic
from akeso.testing.bus import BusContract, DurableBusContract, OpenBus, alert, take
from akeso.testing.kafka_server import KafkaServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# The shortest session that a broker allows by default; few partitions are soon made.
QUICK = KafkaBusOptions(partitions=4, session=timedelta(seconds=6))


@pytest.fixture
def servers(kafka: KafkaServer) -> str:
    return kafka.servers


class TestKafkaBus(BusContract):
    ingest, features = SeriesTable(), SeriesTable()

    @pytest.fixture
    async def bus(self, servers: str) -> Bus:
        return KafkaBus(servers, PayloadCodec(self.ingest, self.features), QUICK)

    def tables(self) -> tuple[SeriesTable, SeriesTable]:
        return self.ingest, self.features


class TestKafkaBusAgain(DurableBusContract):
    @pytest.fixture
    def open_bus(self, servers: str) -> Callable[[], Awaitable[Bus]]:
        return opener(servers)


def opener(servers: str) -> OpenBus:
    async def opened() -> Bus:
        return KafkaBus(servers, PayloadCodec(), QUICK)

    return opened


async def test_no_broker_is_unavailable() -> None:
    options = KafkaBusOptions(delivery=timedelta(seconds=0.5), joining=timedelta(seconds=0.5))
    bus = KafkaBus("127.0.0.1:1", PayloadCodec(), options)
    with pytest.raises(Unavailable):
        await bus.publish(Topic.ALERTS, "k", alert("a"))
    with pytest.raises(Unavailable):
        async with bus.subscribe([Topic.ALERTS], "g"):
            raise AssertionError("joined")
    with pytest.raises(InvalidInput):
        await bus.publish(Topic.ALERTS, "k", object())
    await bus.close()


async def test_what_cannot_be_read_is_passed_over(servers: str) -> None:
    bus = KafkaBus(servers, PayloadCodec(), QUICK)
    foreign = Producer({"bootstrap.servers": servers, "log_level": 0})
    foreign.produce(Topic.ALERTS.value, b"not ours", key=b"k")
    foreign.flush(5)
    await bus.publish(Topic.ALERTS, "k", alert("a"))
    async with bus.subscribe([Topic.ALERTS], "g") as subscription:
        assert [m.payload.fingerprint for m in await take(subscription, 1)] == ["a"]
    await bus.close()


async def test_many_messages_pass_quickly(servers: str) -> None:
    bus = KafkaBus(servers, PayloadCodec(), QUICK)
    async with bus.subscribe([Topic.DECISIONS], "g") as subscription:
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(bus.publish(Topic.DECISIONS, str(n % 5), Decision(n)) for n in range(2000)))
        messages = await take(subscription, 2000)
        passed = asyncio.get_running_loop().time() - started
    assert sorted(m.payload.end for m in messages) == list(range(2000))
    assert passed < 20
    await bus.close()
