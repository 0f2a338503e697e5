"""The circuit breaker: closed until enough failures in a row, then open, then one trial."""

import asyncio
from datetime import timedelta

import pytest

from akeso.domain.errors import CircuitOpen
from akeso.engine.breaker import BreakerOptions, Circuit, CircuitBreaker
from akeso.testing.clock import FakeClock

RESET = timedelta(seconds=5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker("target", clock, BreakerOptions(failures=3, reset=RESET))


async def well() -> str:
    return "well"


async def ill() -> str:
    raise OSError("no answer")


async def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="no answer"):
            await breaker.call(ill)


async def test_results_and_errors_pass_while_it_is_closed(breaker: CircuitBreaker) -> None:
    assert await breaker.call(well) == "well"
    await fail(breaker, 2)
    assert breaker.state is Circuit.CLOSED
    assert breaker.remaining == timedelta(0)


async def test_failures_in_a_row_open_it_and_a_success_between_them_does_not(breaker: CircuitBreaker) -> None:
    await fail(breaker, 2)
    await breaker.call(well)
    await fail(breaker, 2)
    assert breaker.state is Circuit.CLOSED
    await fail(breaker, 1)
    assert (breaker.state, breaker.remaining) == (Circuit.OPEN, RESET)


async def test_an_open_one_refuses_without_a_call(breaker: CircuitBreaker) -> None:
    await fail(breaker, 3)
    with pytest.raises(CircuitOpen, match="target failed 3 times in a row"):
        await breaker.call(well)


async def test_a_trial_that_succeeds_closes_it(breaker: CircuitBreaker, clock: FakeClock) -> None:
    await fail(breaker, 3)
    await clock.advance(RESET)
    assert breaker.state is Circuit.HALF_OPEN
    assert await breaker.call(well) == "well"
    await fail(breaker, 2)
    assert breaker.remaining == timedelta(0)


async def test_a_trial_that_fails_opens_it_for_the_whole_time_again(breaker: CircuitBreaker, clock: FakeClock) -> None:
    await fail(breaker, 3)
    await clock.advance(RESET)
    await fail(breaker, 1)
    assert breaker.remaining == RESET


async def test_only_one_trial_is_made_at_a_time(breaker: CircuitBreaker, clock: FakeClock) -> None:
    await fail(breaker, 3)
    await clock.advance(RESET)
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    trial = asyncio.ensure_future(breaker.call(lambda: answer))
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpen):
        await breaker.call(well)
    answer.set_result("late")
    assert await trial == "late"
    assert await breaker.call(well) == "well"


async def test_a_trial_that_is_cancelled_leaves_room_for_another(breaker: CircuitBreaker, clock: FakeClock) -> None:
    await fail(breaker, 3)
    await clock.advance(RESET)
    trial = asyncio.ensure_future(breaker.call(lambda: asyncio.Event().wait()))
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    assert await breaker.call(well) == "well"
