"""Suspension: one switch for everybody who reads the journal."""

import pytest

from akeso.domain.incident.events import EffectsSuspended
from akeso.engine.suspension import Suspension
from akeso.testing.clock import FakeClock
from akeso.testing.journal import MemoryJournal


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


async def test_effects_are_not_suspended_until_somebody_does(journal: MemoryJournal) -> None:
    suspension = Suspension(journal, FakeClock())
    assert not await suspension.refresh()
    await suspension.suspend("ada", "the sale is on")
    assert suspension.suspended
    assert suspension.why == "effects are suspended by ada: the sale is on"
    assert [line.event for line in journal.lines] == [EffectsSuspended("ada", "the sale is on")]


async def test_other_processes_see_it_and_may_resume(journal: MemoryJournal) -> None:
    one, other = Suspension(journal, FakeClock()), Suspension(journal, FakeClock())
    await one.suspend("ada")
    assert await other.refresh()
    await other.resume("root")
    assert one.suspended  # it has not looked yet
    assert not await one.refresh()
    assert one.why == ""


async def test_two_who_suspend_at_once_both_succeed(journal: MemoryJournal) -> None:
    one, other = Suspension(journal, FakeClock()), Suspension(journal, FakeClock())
    await one.refresh()
    await other.suspend("bob")
    await one.suspend("ada")
    assert len(journal.lines) == 2
    assert one.why == "effects are suspended by ada"
