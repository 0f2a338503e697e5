"""Effects: written before, written after, guarded, and never without a verdict."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import structlog

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import ActionFailed, Forbidden, NotFound, Unavailable
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionStatus, Incident
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.domain.incident.verdict import Allow
from akeso.engine.effects import ActionCatalog, EffectOptions, Effects
from akeso.engine.incident_store import IncidentStore
from akeso.engine.suspension import Suspension
from akeso.ports.action import PreState
from akeso.ports.journal import Draft
from akeso.testing.clock import START, FakeClock
from akeso.testing.conformance.actions import ScriptedAction
from akeso.testing.engine import RelayBus
from akeso.testing.journal import MemoryJournal

SECOND = timedelta(seconds=1)
ALLOW = Allow("p")


@dataclass
class Slow(ScriptedAction):
    """An action that takes its time."""

    clock: FakeClock = field(default_factory=FakeClock)
    takes: timedelta = 5 * SECOND

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        await self.clock.sleep(self.takes)
        return await super().apply(step, service, key, pre_state)


@dataclass
class Broken(ScriptedAction):
    """An action with a defect."""

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        raise ZeroDivisionError(f"a defect: {step}, {service}, {key}, {pre_state}")

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        raise ZeroDivisionError(f"a defect: {step}, {service}, {key}, {pre_state}")


class SmallDisk(MemoryJournal):
    """A journal that can be read, and written until it is full."""

    full = False

    async def append(self, draft: Draft) -> e.Entry:
        if self.full:
            raise Unavailable("the disk is full")
        return await super().append(draft)


class Theatre:
    """Effects over one action, and an incident with one step that was allowed."""

    def __init__(self, action: ScriptedAction | None = None) -> None:
        self.journal, self.clock = SmallDisk(), FakeClock()
        self.incident_store = IncidentStore(self.journal, RelayBus(), self.clock)
        self.suspension = Suspension(self.journal, self.clock)
        self.action = action or ScriptedAction()
        catalog, options = ActionCatalog({"restart": self.action}), EffectOptions()
        self.effects = Effects(catalog, self.incident_store, self.suspension, self.clock, options)
        self.step = Step("s1", "restart", "cart")

    async def allowed(self, *more: e.Event) -> Incident:
        detected = e.IncidentDetected("t", "cart", "slow", Severity.ERROR, START)
        plan = Plan((Option("book", (self.step,), 0.5, Risk.LOW, False, 10 * SECOND),))
        incident = await self.incident_store.open(detected, "test")
        for event in (e.PlanMade(plan), *(more or (e.PolicyDecided("s1", "allow", "p"),))):
            incident = await self.incident_store.record(incident.id, event, "test")
        return incident

    async def interrupted(self) -> Incident:
        return await self.allowed(e.PolicyDecided("s1", "allow", "p"), e.ActionIntended("s1", "k", {"was": "so"}))

    async def status(self) -> ActionStatus:
        (incident,) = await self.incident_store.recent()
        return incident.actions["s1"].status

    def kinds(self) -> list[str]:
        return [type(line.event).__name__ for line in self.journal.lines[2:]]


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


async def test_an_effect_is_intended_before_and_applied_after() -> None:
    theatre = Theatre()
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    assert theatre.kinds() == ["PolicyDecided", "ActionIntended", "ActionApplied"]
    assert incident.actions["s1"].key == "k1"
    assert incident.actions["s1"].pre_state == {"was": "so"}
    assert theatre.action.applied == ["k1"]


async def test_nothing_runs_when_the_intention_cannot_be_written() -> None:
    theatre = Theatre()
    incident = await theatre.allowed()
    theatre.journal.full = True
    with pytest.raises(Unavailable):
        await theatre.effects.run(incident, theatre.step, ALLOW, "k1")
    assert theatre.action.applied == []
    assert await theatre.status() is ActionStatus.ALLOWED


@pytest.mark.parametrize(
    "verdict", [(), (e.PolicyDecided("s1", "ask", "p"),), (e.PolicyDecided("s1", "deny", "p"),)], ids=len
)
async def test_without_a_written_verdict_that_permits_it_nothing_runs(verdict: tuple[e.Event, ...]) -> None:
    theatre = Theatre()
    incident = await theatre.allowed(*(verdict or (e.AnalysisStarted(),)))
    with pytest.raises(Forbidden):
        await theatre.effects.run(incident, theatre.step, ALLOW, "k1")
    assert theatre.action.applied == []


async def test_the_verdict_of_another_policy_or_for_another_step_permits_nothing() -> None:
    theatre = Theatre()
    incident = await theatre.allowed()
    with pytest.raises(Forbidden):
        await theatre.effects.run(incident, theatre.step, Allow("mine"), "k1")
    with pytest.raises(NotFound):
        await theatre.effects.run(incident, Step("s2", "restart", "cart"), ALLOW, "k1")


async def test_what_runs_is_what_was_allowed_and_not_what_the_caller_says() -> None:
    theatre = Theatre()
    other = Step("s1", "restart", "bank", {"force": "true"})
    incident = await theatre.effects.run(await theatre.allowed(), other, ALLOW, "k1")
    assert incident.actions["s1"].step == theatre.step


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Done("ok"), ActionStatus.APPLIED), (Failed("no"), ActionStatus.FAILED), (Unknown("?"), ActionStatus.UNKNOWN)],
    ids=["done", "failed", "unknown"],
)
async def test_every_outcome_is_written(outcome: EffectOutcome, status: ActionStatus) -> None:
    theatre = Theatre(ScriptedAction(outcome=outcome))
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    assert incident.actions["s1"].status is status


async def test_no_answer_in_time_is_unknown() -> None:
    clock = FakeClock()
    theatre = Theatre(Slow(clock=clock, takes=timedelta(hours=1)))
    theatre.clock = clock
    theatre.effects = Effects(
        ActionCatalog({"restart": theatre.action}), theatre.incident_store, theatre.suspension, clock
    )
    running = asyncio.ensure_future(theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1"))
    await clock.advance(31 * SECOND)
    assert (await running).actions["s1"].status is ActionStatus.UNKNOWN


async def test_a_defect_in_an_action_is_unknown_and_never_taken_for_failed() -> None:
    theatre = Theatre(Broken())
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    assert incident.actions["s1"].status is ActionStatus.UNKNOWN
    assert "a defect" in incident.actions["s1"].why


async def test_a_target_that_cannot_be_looked_at_is_not_touched() -> None:
    theatre = Theatre(ScriptedAction(pre_state=ActionFailed("nobody answers")))
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    assert theatre.kinds() == ["PolicyDecided", "ActionNotApplied"]
    assert incident.actions["s1"].attempts == 1


async def test_a_reversible_effect_without_a_state_to_go_back_to_is_refused() -> None:
    theatre = Theatre(ScriptedAction(pre_state={}))
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    assert incident.actions["s1"].status is ActionStatus.DENIED
    assert theatre.action.applied == []


async def test_effects_suspended_by_another_process_stop_at_the_last_moment() -> None:
    theatre = Theatre()
    incident = await theatre.allowed()
    await Suspension(theatre.journal, theatre.clock).suspend("ada", "the sale")
    incident = await theatre.effects.run(incident, theatre.step, ALLOW, "k1")
    assert incident.actions["s1"].status is ActionStatus.DENIED
    assert "ada" in incident.actions["s1"].why
    assert theatre.action.applied == []


async def test_a_cancelled_caller_does_not_cancel_the_effect() -> None:
    clock = FakeClock()
    theatre = Theatre(Slow(clock=clock))
    theatre.effects = Effects(
        ActionCatalog({"restart": theatre.action}), theatre.incident_store, theatre.suspension, clock
    )
    running = asyncio.ensure_future(theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1"))
    await clock.advance(SECOND)
    running.cancel()
    assert await theatre.status() is ActionStatus.INTENDED
    again = asyncio.ensure_future(theatre.effects.look((await theatre.incident_store.recent())[0], theatre.step))
    await clock.advance(10 * SECOND)
    assert (await again).actions["s1"].status is ActionStatus.APPLIED
    assert theatre.action.applied == ["k1"]


@pytest.mark.parametrize(("there", "status"), [(True, ActionStatus.APPLIED), (False, ActionStatus.FAILED)])
async def test_after_an_interruption_the_target_is_asked(there: bool, status: ActionStatus) -> None:
    theatre = Theatre(ScriptedAction(applied=["k"] if there else []))
    incident = await theatre.effects.look(await theatre.interrupted(), theatre.step)
    assert incident.actions["s1"].status is status
    assert theatre.action.applied == (["k"] if there else [])


async def test_what_the_target_cannot_tell_stays_unknown() -> None:
    theatre = Theatre(Broken())
    incident = await theatre.effects.look(await theatre.interrupted(), theatre.step)
    assert incident.actions["s1"].status is ActionStatus.UNKNOWN


async def test_an_undo_is_intended_before_and_told_after() -> None:
    theatre = Theatre()
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    incident = await theatre.effects.undo(incident, theatre.step, "k1-undo")
    assert theatre.kinds()[-2:] == ["UndoIntended", "ActionUndone"]
    assert theatre.action.undone == ["k1-undo"]


async def test_an_undo_that_does_not_answer_is_told_as_failed() -> None:
    theatre = Theatre(ScriptedAction(undo_outcome=Unknown("?")))
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    incident = await theatre.effects.undo(incident, theatre.step, "k1-undo")
    assert incident.actions["s1"].status is ActionStatus.UNDO_FAILED


async def test_what_is_irreversible_or_suspended_is_not_undone() -> None:
    theatre = Theatre(ScriptedAction(reversible=False))
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    with pytest.raises(Forbidden, match="cannot be undone"):
        await theatre.effects.undo(incident, theatre.step, "u")
    theatre = Theatre()
    incident = await theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1")
    await theatre.suspension.suspend("ada")
    with pytest.raises(Forbidden, match="suspended"):
        await theatre.effects.undo(incident, theatre.step, "u")


@pytest.mark.parametrize(
    ("still_there", "undone"), [(True, ["k-undo"]), (False, [])], ids=["still in effect", "already undone"]
)
async def test_an_interrupted_undo_is_done_only_when_it_was_not(still_there: bool, undone: list[str]) -> None:
    theatre = Theatre(ScriptedAction(applied=["k"] if still_there else []))
    incident = await theatre.interrupted()
    for event in (e.ActionApplied("s1", "k"), e.UndoIntended("s1", "k-undo")):
        incident = await theatre.incident_store.record(incident.id, event, "test")
    incident = await theatre.effects.look(incident, theatre.step)
    assert incident.actions["s1"].status is ActionStatus.UNDONE
    assert theatre.action.undone == undone


async def test_a_preview_does_nothing() -> None:
    theatre = Theatre()
    incident = await theatre.effects.preview(await theatre.allowed(), theatre.step)
    assert incident.actions["s1"].preview == "restart cart"
    assert theatre.action.applied == []
    blind = Theatre(ScriptedAction(pre_state=ActionFailed("nobody answers")))
    incident = await blind.effects.preview(await blind.allowed(), blind.step)
    assert "nobody answers" in incident.actions["s1"].preview


async def test_an_outcome_is_written_once_the_journal_answers_again() -> None:
    clock = FakeClock()
    theatre = Theatre(Slow(clock=clock))
    theatre.effects = Effects(
        ActionCatalog({"restart": theatre.action}), theatre.incident_store, theatre.suspension, clock
    )
    running = asyncio.ensure_future(theatre.effects.run(await theatre.allowed(), theatre.step, ALLOW, "k1"))
    await clock.advance(SECOND)
    theatre.journal.failure = Unavailable("disk is full")
    await clock.advance(6 * SECOND)
    theatre.journal.failure = None
    await clock.advance(6 * SECOND)
    assert (await running).actions["s1"].status is ActionStatus.APPLIED
    await theatre.effects.drain()
