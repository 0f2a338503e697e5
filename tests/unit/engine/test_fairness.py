import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import Overloaded
from akeso.engine.fairness import FairQueue, Holding, Shares, Turns

SECOND = timedelta(seconds=1)


def flooded(shares: Shares, tenant: str, size: int = 10) -> int:
    """Takes until it is refused; how much it got."""
    while True:
        try:
            shares.take(tenant, size)
        except Overloaded:
            return shares.of(tenant)


def test_one_tenant_alone_gets_half_and_the_next_still_finds_room() -> None:
    shares = Shares(1000, SECOND, "wait")
    assert flooded(shares, "loud") == 500
    shares.take("quiet", 250)
    with pytest.raises(Overloaded) as refused:
        shares.take("loud", 10)
    assert refused.value.retry_after == SECOND
    assert "loud wait" in str(refused.value)


def test_room_that_is_given_back_can_be_taken_again() -> None:
    shares = Shares(100, SECOND, "wait")
    flooded(shares, "loud")
    shares.give("loud", shares.of("loud"))
    assert (shares.used, shares.of("loud")) == (0, 0)
    shares.take("loud", 40)


def test_what_is_larger_than_everything_is_taken_when_nothing_is_held() -> None:
    shares = Shares(100, SECOND, "wait")
    shares.take("big", 500)
    with pytest.raises(Overloaded):
        shares.take("other", 1)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 60))))
def test_never_more_than_the_limit_is_held_and_a_newcomer_never_stands_before_a_full_house(
    asked: list[tuple[str, int]],
) -> None:
    shares = Shares(100, SECOND, "wait")
    for tenant, size in asked:
        try:
            shares.take(tenant, size)
        except Overloaded:
            continue
    assert shares.used <= 100
    shares.take("newcomer", min(1, 100 - shares.used))
    assert shares.used == sum(map(shares.of, ("a", "b", "c", "d", "newcomer")))


def test_a_request_gives_back_all_it_held_however_it_ends() -> None:
    shares = Shares(100, SECOND, "wait")
    with Holding(shares, "a") as held:
        held.hold(30)
        held.hold(20)
        assert shares.of("a") == 20
        with pytest.raises(Overloaded):
            held.hold(90)
        assert shares.of("a") == 20
    assert shares.used == 0


def test_a_flood_and_a_trickle_take_turns() -> None:
    queue: FairQueue[str] = FairQueue(quantum=100_000)
    for number in range(100):
        queue.put("loud", 50_000, f"loud {number}")
    queue.put("quiet", 100, "quiet")
    order = [queue.take() for _ in range(len(queue))]
    assert order.index("quiet") <= 3
    assert [name for name in order if name != "quiet"] == [f"loud {number}" for number in range(100)]
    with pytest.raises(IndexError):
        queue.take()


def test_lanes_get_the_same_number_of_bytes_whatever_the_size_of_their_items() -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for _ in range(400):
        queue.put("large", 1_000_000, ("large", 1_000_000))
        queue.put("small", 50_000, ("small", 50_000))
    got: Counter[str] = Counter()
    for _ in range(200):
        tenant, size = queue.take()
        got[tenant] += size
    assert got["small"] == pytest.approx(got["large"], rel=0.25)


async def test_turns_are_shared_between_tenants_that_are_ready_at_once() -> None:
    turns, order = Turns(), list[str]()

    async def work(tenant: str) -> None:
        async with turns.turn(tenant, 200_000):
            order.append(tenant)

    flood = [asyncio.create_task(work("loud")) for _ in range(50)]
    await asyncio.gather(*flood, asyncio.create_task(work("quiet")))
    assert order.index("quiet") <= 3
    assert len(order) == 51


async def test_one_that_gives_up_waiting_or_fails_does_not_keep_the_turn() -> None:
    turns = Turns()

    async def fail() -> None:
        async with turns.turn("a", 1):
            raise ValueError("broke")

    async def wait() -> None:
        async with turns.turn("a", 1):
            await asyncio.Event().wait()

    holding = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    given_up, failing = asyncio.create_task(wait()), asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    given_up.cancel()
    holding.cancel()
    with pytest.raises(ValueError, match="broke"):
        await asyncio.wait_for(failing, 1)
    async with asyncio.timeout(1), turns.turn("b", 1):
        pass
