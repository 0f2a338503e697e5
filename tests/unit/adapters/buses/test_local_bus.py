"""The bus inside one process."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from akeso.adapters.buses.local import LocalBus, LocalBusOptions
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.messages import Decision
from akeso.ports.bus import Bus, Topic
from akeso.testing.bus import BusContract, DurableBusContract, OpenBus, alert, nothing_more, take


class TestLocalBus(BusContract):
    @pytest.fixture(params=["memory", "log"])
    def bus(self, request: pytest.FixtureRequest, tmp_path: Path) -> Bus:
        return LocalBus(tmp_path / "bus.db" if request.param == "log" else None)


class TestLocalBusWithLog(DurableBusContract):
    @pytest.fixture
    def open_bus(self, tmp_path: Path) -> Callable[[], Awaitable[Bus]]:
        return opener(tmp_path / "bus.db")


def opener(path: Path) -> OpenBus:
    async def opened() -> Bus:
        return LocalBus(path)

    return opened


@pytest.fixture(params=["memory", "log"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "bus.db" if request.param == "log" else None


async def test_messages_pass_by_reference(log: Path | None) -> None:
    bus = LocalBus(log)
    payload, durable = Decision(1), alert("a")
    async with bus.subscribe([Topic.DECISIONS, Topic.ALERTS], "g") as subscription:
        await bus.publish(Topic.DECISIONS, "k", payload)
        await bus.publish(Topic.ALERTS, "k", durable)
        first, second = await take(subscription, 2)
    assert first.payload is payload
    assert second.payload is durable
    await bus.close()


@pytest.mark.parametrize("topic", [Topic.DECISIONS, Topic.ALERTS])
async def test_a_publisher_waits_for_a_subscriber_who_is_behind(log: Path | None, topic: Topic) -> None:
    bus = LocalBus(log, LocalBusOptions(capacity=2))
    sent = []

    async def publisher() -> None:
        for n in range(6):
            await bus.publish(topic, "k", Decision(n) if topic is Topic.DECISIONS else alert(str(n)))
            sent.append(n)

    async with bus.subscribe([topic], "g") as subscription:
        task = asyncio.create_task(publisher())
        await asyncio.sleep(0.1)
        assert len(sent) == 2
        assert len(await take(subscription, 6)) == 6
        await task
        assert len(sent) == 6
    await bus.close()


async def test_a_subscriber_who_leaves_frees_the_publishers() -> None:
    bus = LocalBus(None, LocalBusOptions(capacity=1))
    async with bus.subscribe([Topic.DECISIONS], "g"):
        tasks = [asyncio.create_task(bus.publish(Topic.DECISIONS, "k", Decision(n))) for n in range(5)]
        await asyncio.sleep(0.01)
    async with asyncio.timeout(1):
        await asyncio.gather(*tasks)
    await bus.close()


async def test_a_group_that_never_returns_stops_nobody() -> None:
    bus = LocalBus(None, LocalBusOptions(capacity=2))
    async with bus.subscribe([Topic.DECISIONS], "g"):
        pass
    async with asyncio.timeout(1):
        for n in range(20):
            await bus.publish(Topic.DECISIONS, "k", Decision(n))
    async with bus.subscribe([Topic.DECISIONS], "g") as subscription:
        assert [m.payload.end for m in await take(subscription, 4)] == [16, 17, 18, 19]
        assert await nothing_more(subscription, 0.02)
    await bus.close()


async def test_a_message_whose_publisher_was_cancelled_arrives_all_the_same(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db")
    async with bus.subscribe([Topic.ALERTS], "g") as subscription:
        task = asyncio.create_task(bus.publish(Topic.ALERTS, "k", alert("a")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [m.payload.fingerprint for m in await take(subscription, 1)] == ["a"]
    await bus.close()


async def test_a_subscriber_who_was_cancelled_while_joining_leaves_nothing_behind(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db", LocalBusOptions(capacity=1))

    async def join() -> None:
        async with bus.subscribe([Topic.ALERTS, Topic.DECISIONS], "g"):
            await asyncio.sleep(60)

    task = asyncio.create_task(join())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        for n in range(4):
            await bus.publish(Topic.DECISIONS, "k", Decision(n))
            await bus.publish(Topic.ALERTS, "k", alert(str(n)))
    async with bus.subscribe([Topic.ALERTS], "g") as subscription:
        assert len(await take(subscription, 4)) == 4
    await bus.close()


async def test_a_member_who_leaves_hands_its_messages_to_the_others(log: Path | None) -> None:
    bus = LocalBus(log)
    async with bus.subscribe([Topic.ALERTS, Topic.DECISIONS], "g") as stays:
        async with bus.subscribe([Topic.ALERTS, Topic.DECISIONS], "g") as leaves:
            for n in range(20):
                await bus.publish(Topic.ALERTS, str(n), alert(str(n)))
                await bus.publish(Topic.DECISIONS, str(n), Decision(n))
            handled = await take(leaves, 1)
            await take(leaves, 2, commit=False)
        assert len(await take(stays, 40 - len(handled))) == 39
        assert await nothing_more(stays, 0.02)
    await bus.close()


async def test_messages_sent_at_once_keep_one_order_for_all(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db")
    async with bus.subscribe([Topic.ALERTS], "one") as one, bus.subscribe([Topic.ALERTS], "two") as two:
        await asyncio.gather(*(bus.publish(Topic.ALERTS, "k", alert(str(n))) for n in range(50)))
        offsets = [[m.offset for m in await take(subscription, 50)] for subscription in (one, two)]
    assert offsets[0] == offsets[1] == sorted(offsets[0])
    await bus.close()


async def test_a_group_that_joins_amid_messages_misses_and_doubles_none(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db")

    async def publisher() -> None:
        for n in range(60):
            await bus.publish(Topic.ALERTS, "k", alert(str(n)))

    task = asyncio.create_task(publisher())
    for group in range(5):
        await asyncio.sleep(0.002)
        async with bus.subscribe([Topic.ALERTS], f"g{group}") as subscription:
            assert [m.payload.fingerprint for m in await take(subscription, 60)] == [str(n) for n in range(60)]
    await task
    await bus.close()


async def test_the_log_forgets_what_all_groups_are_done_with(tmp_path: Path) -> None:
    options = LocalBusOptions(kept=3)
    bus = LocalBus(tmp_path / "bus.db", options)
    async with bus.subscribe([Topic.ALERTS], "one") as one, bus.subscribe([Topic.ALERTS], "two") as two:
        for n in range(10):
            await bus.publish(Topic.ALERTS, "k", alert(str(n)))
        await take(one, 10)
        await take(two, 5)
    await bus.close()
    again = LocalBus(tmp_path / "bus.db", options)
    async with again.subscribe([Topic.ALERTS], "new") as new, again.subscribe([Topic.ALERTS], "two") as two:
        assert [m.payload.fingerprint for m in await take(new, 5)] == ["5", "6", "7", "8", "9"]
        await take(two, 5)
    await again.close()
    third = LocalBus(tmp_path / "bus.db", options)
    async with third.subscribe([Topic.ALERTS], "newer") as newer:
        assert [m.payload.fingerprint for m in await take(newer, 3)] == ["7", "8", "9"]
    await third.close()


async def test_a_damaged_line_of_the_log_is_passed_over(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db")
    for n in range(3):
        await bus.publish(Topic.ALERTS, "k", alert(str(n)))
    await bus.close()
    with closing(sqlite3.connect(tmp_path / "bus.db")) as connection:
        connection.execute("UPDATE messages SET payload = x'00' WHERE position = 2")
        connection.commit()
    again = LocalBus(tmp_path / "bus.db")
    async with again.subscribe([Topic.ALERTS], "g") as subscription:
        assert [m.payload.fingerprint for m in await take(subscription, 2)] == ["0", "2"]
    await again.close()


async def test_a_payload_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path / "bus.db")
    with pytest.raises(InvalidInput):
        await bus.publish(Topic.ALERTS, "k", object())
    await bus.publish(Topic.ALERTS, "k", alert("a"))
    await bus.close()


async def test_a_log_that_cannot_be_written_makes_the_bus_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        LocalBus(tmp_path)
    bus = LocalBus(tmp_path / "bus.db")
    with closing(sqlite3.connect(tmp_path / "bus.db")) as other:
        other.execute("ALTER TABLE messages RENAME TO hidden")
        with pytest.raises(Unavailable):
            await bus.publish(Topic.ALERTS, "k", alert("a"))
        other.execute("ALTER TABLE hidden RENAME TO messages")
    await bus.publish(Topic.ALERTS, "k", alert("b"))
    await bus.close()
