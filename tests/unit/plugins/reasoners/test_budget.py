"""The budget: nothing is asked that might cost more than is left."""

from datetime import timedelta

import pytest

from akeso.plugins.reasoners._llm.budget import Budget, BudgetSpent, Prices
from akeso.plugins.reasoners._llm.options import Limits
from akeso.testing.clock import FakeClock


class Marks:
    """A keeper in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    async def mark(self, name: str, value: int) -> None:
        self.kept[name] = value

    async def marked(self, name: str) -> int:
        return self.kept.get(name, 0)


LIMITS = Limits(incident_tokens=1_000, day_tokens=1_500, incident_money=1.0, day_money=1.5)
DEAR = Prices(0.001, 0.01)


async def test_an_incident_has_its_own_share() -> None:
    budget = Budget(LIMITS, Prices(), FakeClock())
    await budget.reserve("a", 600, 300)
    with pytest.raises(BudgetSpent, match="budget of the incident is spent: 900 of 1000 tokens"):
        await budget.reserve("a", 100, 100)
    await budget.reserve("b", 300, 300)


async def test_the_day_bounds_all_incidents_together_until_midnight() -> None:
    clock = FakeClock()
    budget = Budget(LIMITS, Prices(), clock)
    for incident in ("a", "b"):
        await budget.reserve(incident, 500, 200)
    with pytest.raises(BudgetSpent, match="budget of the day") as spent:
        await budget.reserve("c", 500, 200)
    await clock.advance(spent.value.retry_after + timedelta(seconds=1))
    await budget.reserve("c", 500, 200)


async def test_what_was_not_used_is_given_back() -> None:
    budget = Budget(LIMITS, Prices(), FakeClock())
    for _ in range(20):
        reservation = await budget.reserve("a", 500, 100)
        await budget.settle(reservation, 10, 5)
    assert budget.today == (300, 0.0)


async def test_money_bounds_where_prices_are_known() -> None:
    budget = Budget(LIMITS, DEAR, FakeClock())
    reservation = await budget.reserve("a", 100, 80)
    assert await budget.settle(reservation, 100, 60) == pytest.approx(0.7)
    with pytest.raises(BudgetSpent, match=r"0\.70 of 1\.00 dollars"):
        await budget.reserve("a", 100, 80)


async def test_two_at_once_cannot_overdraw() -> None:
    budget = Budget(LIMITS, Prices(), FakeClock())
    await budget.reserve("a", 900, 0)
    with pytest.raises(BudgetSpent):
        await budget.reserve("a", 900, 0)


async def test_a_restart_does_not_refill_the_budget() -> None:
    marks, clock = Marks(), FakeClock()
    before = Budget(LIMITS, DEAR, clock, marks)
    await before.settle(await before.reserve("a", 700, 20), 700, 20)
    after = Budget(LIMITS, DEAR, clock, marks)
    with pytest.raises(BudgetSpent, match="budget of the day is spent: 720 of 1500 tokens"):
        await after.reserve("b", 900, 0)
    assert after.today[0] == 720
    assert after.today[1] == pytest.approx(0.9)
