"""The process is killed at every place it can be: the incident still ends, and no effect happens twice."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog

from akeso.domain.incident.incident import IncidentStatus
from akeso.testing.engine import Killed, WorldAction
from akeso.testing.healing import Ward, one_by_one


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def two_tries() -> Ward:
    """First something that does not help and is undone, then the cure."""
    ward = Ward()
    ward.actions = {
        "scale_out": WorldAction(ward.world, "scale_out", reversible=True),
        "restart": WorldAction(ward.world),
    }
    ward.planner = one_by_one(["scale_out", "restart"], "cart", within=timedelta(seconds=6))
    return ward


async def falls_ill(ward: Ward) -> None:
    await ward.start()
    ward.break_it()
    await ward.run(3)
    try:
        await ward.notice()
    except Killed:
        # As the bus does with a message that was not committed, and the decision agent with slots not marked.
        await ward.restart()
        await ward.notice()


async def lives_on(ward: Ward, seconds: float = 40) -> None:
    for _ in range(round(seconds)):
        await ward.run(1)
        if ward.journal.dead:
            await ward.restart()


def healed_once(ward: Ward) -> None:
    """What was applied and undone, each exactly once, and the journal tells it the same way."""
    assert [what for what, _ in ward.world.applied] == ["scale_out cart", "restart cart"]
    assert [what for what, _ in ward.world.undone] == ["scale_out cart"]
    assert ward.events().count("ActionApplied") == 2
    assert ward.events().count("ActionUndone") == 1


@pytest.mark.parametrize("after", [False, True], ids=["before the line", "after the line"])
@pytest.mark.parametrize("append", range(1, 20))
async def test_killed_at_any_line_of_the_journal(append: int, after: bool) -> None:
    ward = two_tries()
    ward.journal.at, ward.journal.after = append, after
    await falls_ill(ward)
    await lives_on(ward)
    incident = await ward.incident()
    assert ward.journal.kills == 1
    assert incident.status is IncidentStatus.RESOLVED
    assert incident.memory
    assert ward.events().count("IncidentDetected") == 1
    assert await ward.journal.verify() == len(ward.journal.lines)
    healed_once(ward)


@pytest.mark.parametrize(
    ("action", "where"),
    [("scale_out", w) for w in ("before", "after", "before undo", "after undo")]
    + [("restart", w) for w in ("before", "after")],
)
async def test_killed_around_the_effect_itself(where: str, action: str) -> None:
    ward = two_tries()
    deadly = ward.actions[action]
    assert isinstance(deadly, WorldAction)
    deadly.dies = where
    await falls_ill(ward)
    for _ in range(160):
        await ward.run(0.25)
        if not deadly.dies:
            break
    assert not deadly.dies
    await ward.restart()
    await ward.run(30)
    assert (await ward.incident()).status is IncidentStatus.RESOLVED
    healed_once(ward)


@pytest.mark.parametrize("turns", range(0, 120, 3))
async def test_cancelled_at_any_await(turns: int) -> None:
    ward = two_tries()
    await falls_ill(ward)
    await ward.run(2.25)
    # From here on everything up to verification happens without a pause.
    moving = asyncio.ensure_future(ward.clock.advance(timedelta(seconds=0.25), settle=200))
    for _ in range(turns):
        await asyncio.sleep(0)
    await ward.agent.stop()
    await moving
    ward.open()
    await ward.agent.start()
    await lives_on(ward, 30)
    assert (await ward.incident()).status is IncidentStatus.RESOLVED
    healed_once(ward)


async def test_an_effect_that_runs_when_the_agent_stops_gets_its_outcome() -> None:
    ward = Ward()
    ward.actions = {"restart": WorldAction(ward.world, takes=timedelta(seconds=2))}
    await falls_ill(ward)
    await ward.run(3.0)
    assert ward.events()[-1] == "ActionIntended"
    stopping = asyncio.ensure_future(ward.agent.stop())
    await ward.clock.advance(timedelta(seconds=2))
    await stopping
    assert ward.events()[-1] == "ActionApplied"
    assert len(ward.world.applied) == 1


async def test_another_process_leaves_an_incident_alone_until_the_lease_ends() -> None:
    ward = Ward()
    await ward.start()
    ward.break_it()
    await ward.run(3)
    await ward.journal.acquire("elsewhere", "other", timedelta(seconds=60), ward.clock.now())
    await ward.notice()
    incident = await ward.incident()
    lease = await ward.journal.acquire(incident.id, "other", timedelta(seconds=20), ward.clock.now())
    await ward.run(10)
    assert ward.events() == ["IncidentDetected"]
    await ward.journal.release(lease)
    await ward.run(40)
    assert (await ward.incident()).status is IncidentStatus.RESOLVED
    assert len(ward.world.applied) == 1
