"""Kafka's broker, or a member of a group, dies: what was acknowledged is there, and the others go on."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta

import pytest

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.kafka import KafkaBus, KafkaBusOptions
from akeso.domain.errors import Unavailable
from akeso.ports.bus import Bus, Subscription, Topic
from akeso.testing.bus import alert, nothing_more
from akeso.testing.servers.kafka_server import KafkaServer

pytestmark = [pytest.mark.xdist_group("kafka"), pytest.mark.integration, pytest.mark.slow]

PATIENCE_S = 60.0
# The shortest session that a broker allows by default.
OPTIONS = KafkaBusOptions(partitions=4, session=timedelta(seconds=6), delivery=timedelta(seconds=3))

MEMBER = """
import asyncio, sys
from datetime import timedelta
from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.kafka import KafkaBus, KafkaBusOptions
from akeso.ports.bus import Topic

async def main(servers):
    bus = KafkaBus(servers, PayloadCodec(), KafkaBusOptions(partitions=4, session=timedelta(seconds=6)))
    async with bus.subscribe([Topic.ALERTS], "g") as subscription:
        print("joined", flush=True)
        async for message in subscription:
            print(message.payload.fingerprint, flush=True)
            await subscription.commit(message)

asyncio.run(main(sys.argv[1]))
"""


@asynccontextmanager
async def opened(kafka: KafkaServer, options: KafkaBusOptions = OPTIONS) -> AsyncIterator[Bus]:
    bus = KafkaBus(kafka.servers, PayloadCodec(), options)
    try:
        yield bus
    finally:
        await bus.close()


class Reader:
    """Takes and commits whatever comes. taken: the fingerprints, in order; heard: who brought any."""

    def __init__(self, *subscriptions: Subscription) -> None:
        self.taken: list[str] = []
        self.heard: set[Subscription] = set()
        self._more = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read(subscription)) for subscription in subscriptions]

    async def until(self, wanted: set[str]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted <= set(self.taken):
                self._more.clear()
                await self._more.wait()

    async def more(self, count: int) -> None:
        """Returns once it has taken that many more."""
        have = len(self.taken)
        async with asyncio.timeout(PATIENCE_S):
            while len(self.taken) < have + count:
                self._more.clear()
                await self._more.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, subscription: Subscription) -> None:
        async for message in subscription:
            self.taken.append(message.payload.fingerprint)
            self.heard.add(subscription)
            self._more.set()
            await subscription.commit(message)


async def sender(bus: Bus, lane: int, acknowledged: set[str], over: asyncio.Event) -> None:
    """Publishes one alert after the other, and goes on when the broker is away."""
    count = 0
    while not over.is_set():
        count += 1
        with suppress(Unavailable):
            await bus.publish(Topic.ALERTS, f"key-{lane}", alert(f"{lane}-{count}"))
            acknowledged.add(f"{lane}-{count}")


async def publish_until(bus: Bus, prefix: str, over: Callable[[], bool] = lambda: True) -> set[str]:
    """Publishes alerts of all partitions, sixty at least; their fingerprints."""
    sent: set[str] = set()
    async with asyncio.timeout(PATIENCE_S):
        while len(sent) < 60 or not over():
            name = f"{prefix}-{len(sent)}"
            await bus.publish(Topic.ALERTS, name, alert(name))
            sent.add(name)
    return sent


async def test_nothing_acknowledged_is_lost_when_the_broker_is_killed(kafka: KafkaServer) -> None:
    acknowledged: set[str] = set()
    over = asyncio.Event()
    async with opened(kafka) as bus:
        async with bus.subscribe([Topic.ALERTS], "g") as subscription:
            reader = Reader(subscription)
            senders = [asyncio.create_task(sender(bus, lane, acknowledged, over)) for lane in range(4)]
            await reader.more(100)
            kafka.kill()
            await asyncio.to_thread(kafka.start)
            await reader.more(100)
            over.set()
            await asyncio.gather(*senders)
            await reader.until(acknowledged)
            await reader.stop()
        async with bus.subscribe([Topic.ALERTS], "g") as subscription:
            assert await nothing_more(subscription)
    for lane in range(4):
        # The first time that each was seen: what the kill made uncertain may come twice, but nothing overtakes.
        seen = list(dict.fromkeys(int(name.split("-")[1]) for name in reader.taken if name.startswith(f"{lane}-")))
        assert seen == sorted(seen)


async def test_publishing_without_the_broker_is_refused_in_time_and_works_again_with_it(kafka: KafkaServer) -> None:
    async with opened(kafka) as bus:
        await bus.publish(Topic.ALERTS, "k", alert("before"))
        kafka.kill()
        try:
            for topic in (Topic.ALERTS, Topic.FEEDBACK):  # the other one nobody has asked for yet
                async with asyncio.timeout(2 * OPTIONS.delivery.total_seconds()):
                    with pytest.raises(Unavailable, match=f"Kafka.* {topic}.*: .*[Tt]imed out"):
                        await bus.publish(topic, "k", alert("never"))
        finally:
            await asyncio.to_thread(kafka.start)
        await bus.publish(Topic.ALERTS, "k", alert("after"))
        async with bus.subscribe([Topic.ALERTS], "g") as subscription:
            reader = Reader(subscription)
            await reader.until({"before", "after"})
            await reader.stop()


@contextmanager
def member(kafka: KafkaServer) -> Iterator["subprocess.Popen[str]"]:
    """A member of the group `g` in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", MEMBER, kafka.servers], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_two_members_share_the_partitions_and_one_takes_over_when_the_other_is_killed(kafka: KafkaServer) -> None:
    async with opened(kafka) as bus, bus.subscribe([Topic.ALERTS], "g") as subscription:
        reader = Reader(subscription)
        with member(kafka) as other:
            assert other.stdout is not None
            assert await asyncio.to_thread(other.stdout.readline) == "joined\n"
            heard = asyncio.create_task(asyncio.to_thread(other.stdout.readline))
            first = await publish_until(bus, "a", heard.done)
            theirs = {heard.result().strip()}
            other.kill()
            second = await publish_until(bus, "b")
            await reader.until(second)
            theirs |= {line.strip() for line in (await asyncio.to_thread(other.communicate))[0].splitlines()}
            await reader.until(first - theirs)
            await reader.stop()
        assert first & set(reader.taken), "the survivor had no share"


async def test_a_member_that_is_behind_stays_in_its_group_and_lets_others_in(kafka: KafkaServer) -> None:
    limit = timedelta(seconds=7)
    client = {"max.poll.interval.ms": limit // timedelta(milliseconds=1)}
    options = KafkaBusOptions(
        client, partitions=4, capacity=4, session=timedelta(seconds=6), joining=timedelta(seconds=20)
    )
    async with opened(kafka, options) as bus, bus.subscribe([Topic.ALERTS], "g") as one:
        sent = await publish_until(bus, "a")
        # What is measured is the broker's patience with a silent member, so there is no event to wait for.
        await asyncio.sleep(1.5 * limit.total_seconds())
        assert await asyncio.to_thread(kafka.members, "g") == 1
        async with bus.subscribe([Topic.ALERTS], "g") as two:
            reader = Reader(one, two)
            sent |= await publish_until(bus, "b", lambda: reader.heard == {one, two})
            await reader.until(sent)
            await reader.stop()
