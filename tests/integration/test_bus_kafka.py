"""The bus on Kafka itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import numpy as np
import pytest
from confluent_kafka import Producer

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.kafka import KafkaBus, KafkaBusOptions
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import MetricBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.bus import Bus, Topic
from akeso.testing.bus import KEYS, BusContract, DurableBusContract, OpenBus, alert, take
from akeso.testing.servers.kafka_server import KafkaServer

pytestmark = [pytest.mark.xdist_group("kafka"), pytest.mark.integration, pytest.mark.slow]

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


@pytest.mark.parametrize(("points", "fits"), [(1_000_000, True), (5_000_000, False)])
async def test_the_largest_batches_pass_and_what_is_larger_is_refused_for_good(
    servers: str, points: int, fits: bool
) -> None:
    table = SeriesTable()
    bus = KafkaBus(servers, PayloadCodec(table), QUICK)
    noise = np.random.default_rng(7).random(points)  # nothing that compression would make small
    series = np.repeat(table.intern_all(KEYS[:1]), points)
    batch = TelemetryBatch("acme", 1, MetricBlock(series, np.arange(points, dtype=np.int64), noise))
    async with bus.subscribe([Topic.RAW_EVENTS], "g") as subscription:
        if fits:
            await bus.publish(Topic.RAW_EVENTS, "acme", batch)
            (message,) = await take(subscription, 1)
            assert np.array_equal(message.payload.metrics.value, noise)
        else:
            with pytest.raises(InvalidInput, match="too large for the Kafka topic raw-events"):
                await bus.publish(Topic.RAW_EVENTS, "acme", batch)
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
