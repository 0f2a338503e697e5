"""The register: folds, appends, tells, and lets the right people decide."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import AkesoError, Conflict, Forbidden, InvalidTransition, NotFound, Unavailable
from akeso.domain.estate.access import Role
from akeso.domain.incident import events as e
from akeso.domain.incident.incident import ActionStatus, Incident
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.engine.incident_store import IncidentStore, IncidentStoreOptions, new_incident_id
from akeso.ports.bus import Topic
from akeso.testing.clock import START, FakeClock
from akeso.testing.engine import RelayBus
from akeso.testing.journal import MemoryJournal

SECOND = timedelta(seconds=1)
DETECTED = e.IncidentDetected("t", "cart", "slow", Severity.ERROR, START)


class Desk:
    """A register and what it stands on."""

    def __init__(self) -> None:
        self.journal, self.bus, self.clock = MemoryJournal(), RelayBus(), FakeClock()
        self.incident_store = self.another()

    def another(self) -> IncidentStore:
        """A second register on the same journal, as another process has."""
        return IncidentStore(self.journal, self.bus, self.clock)

    async def asked(self, approvers: tuple[str, ...] = ("approver", "admin")) -> str:
        """An incident with a step that waits for a person; the step's id."""
        incident = await self.incident_store.open(DETECTED, "test")
        step = Step(f"{incident.id}-s1", "restart", "cart")
        plan = Plan((Option("book", (step,), 0.5, Risk.LOW, False, 10 * SECOND),))
        expires = self.clock.now() + 60 * SECOND
        for event in (
            e.PlanMade(plan),
            e.PolicyDecided(step.id, "ask", "p"),
            e.ApprovalRequested(step.id, approvers, expires),
        ):
            await self.incident_store.record(incident.id, event, "test")
        return step.id


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def test_ids_sort_by_time() -> None:
    ids = [new_incident_id(START + n * SECOND) for n in range(3)]
    assert ids == sorted(ids)
    assert len({new_incident_id(START) for _ in range(50)}) == 50


async def test_what_was_recorded_is_in_the_journal_the_fold_and_the_log(desk: Desk) -> None:
    heard: list[tuple[Incident, e.Entry]] = []
    desk.incident_store.listen(lambda incident, entry: heard.append((incident, entry)))
    opened = await desk.incident_store.open(DETECTED, "test")
    after = await desk.incident_store.record(opened.id, e.AnalysisStarted("olga"), "olga")
    assert [line.event for line in desk.journal.lines] == [DETECTED, e.AnalysisStarted("olga")]
    assert await desk.incident_store.get(opened.id) == after == await desk.another().get(opened.id)
    assert desk.bus.of(Topic.INCIDENT_LOG) == desk.journal.lines == [entry for _, entry in heard]
    assert heard[-1][0] == after


async def test_what_does_not_fit_is_not_written(desk: Desk) -> None:
    opened = await desk.incident_store.open(DETECTED, "test")
    with pytest.raises(InvalidTransition):
        await desk.incident_store.record(opened.id, e.ActionApplied("nothing", "k"), "test")
    with pytest.raises(NotFound):
        await desk.incident_store.record("inc-none", e.AnalysisStarted(), "test")
    assert len(desk.journal.lines) == 1


async def test_after_a_conflict_the_next_call_sees_what_the_other_wrote(desk: Desk) -> None:
    opened = await desk.incident_store.open(DETECTED, "test")
    await desk.another().record(opened.id, e.AnalysisStarted("other"), "other")
    with pytest.raises(Conflict):
        await desk.incident_store.record(opened.id, e.IncidentResolved("mine"), "test")
    assert (await desk.incident_store.get(opened.id)).analysis_due
    await desk.incident_store.record(opened.id, e.IncidentResolved("mine"), "test")


async def test_a_write_that_failed_is_not_believed(desk: Desk) -> None:
    opened = await desk.incident_store.open(DETECTED, "test")
    desk.journal.failure = Unavailable("disk")
    with pytest.raises(Unavailable):
        await desk.incident_store.record(opened.id, e.AnalysisStarted(), "test")
    desk.journal.failure = None
    assert not (await desk.incident_store.get(opened.id)).analysis_due


async def test_a_bus_that_is_down_does_not_undo_what_is_written(desk: Desk) -> None:
    async def down(message: object) -> None:
        raise Unavailable(f"no bus for {message}")

    desk.bus.on(Topic.INCIDENT_LOG, down)
    opened = await desk.incident_store.open(DETECTED, "test")
    assert (await desk.incident_store.get(opened.id)).id == opened.id


async def test_only_so_many_folds_are_kept(desk: Desk) -> None:
    small = IncidentStore(desk.journal, desk.bus, desk.clock, IncidentStoreOptions(remembered=2))
    opened = [await small.open(DETECTED, "test") for _ in range(4)]
    assert len(small._folds) == 2
    assert (await small.get(opened[0].id)).id == opened[0].id


async def test_open_and_recent_incidents_are_listed(desk: Desk) -> None:
    first = await desk.incident_store.open(DETECTED, "test")
    await desk.clock.advance(SECOND)
    second = await desk.incident_store.open(DETECTED, "test")
    await desk.incident_store.record(first.id, e.IncidentResolved("gone"), "test")
    assert [i.id for i in await desk.incident_store.open_incidents()] == [second.id]
    assert [i.id for i in await desk.incident_store.recent()] == [second.id, first.id]
    assert [i.id for i in await desk.incident_store.recent(START + SECOND)] == [second.id]


async def test_an_approver_says_yes_once(desk: Desk) -> None:
    step = await desk.asked()
    incident = await desk.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False, comment="go")
    record = incident.actions[step]
    assert (record.status, record.approved_by, record.approved_role) == (ActionStatus.ALLOWED, "ada", "approver")
    with pytest.raises(Conflict):
        await desk.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False)
    with pytest.raises(Conflict):
        await desk.incident_store.reject(step, "bob", Role.ADMIN)


@pytest.mark.parametrize("role", [Role.INGEST, Role.VIEWER, Role.OPERATOR])
async def test_lesser_roles_decide_nothing(desk: Desk, role: Role) -> None:
    step = await desk.asked()
    for decide in (desk.incident_store.approve, desk.incident_store.reject):
        with pytest.raises(Forbidden):
            await decide(step, "vera", role)
    assert (await desk.incident_store.of_step(step)).actions[step].status is ActionStatus.ASKED


async def test_what_only_an_admin_may_approve_an_approver_may_not(desk: Desk) -> None:
    step = await desk.asked(approvers=("admin",))
    with pytest.raises(Forbidden):
        await desk.incident_store.approve(step, "ada", Role.APPROVER)
    await desk.incident_store.approve(step, "root", Role.ADMIN)


async def test_a_rejection_is_written_with_its_reason(desk: Desk) -> None:
    step = await desk.asked()
    incident = await desk.incident_store.reject(step, "ada", Role.APPROVER, reason="not now")
    assert incident.actions[step].status is ActionStatus.REJECTED
    assert "not now" in incident.actions[step].why


async def test_too_late_is_refused_and_written_down(desk: Desk) -> None:
    step = await desk.asked()
    await desk.clock.advance(61 * SECOND)
    with pytest.raises(Conflict, match="expired"):
        await desk.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False)
    assert (await desk.incident_store.of_step(step)).actions[step].status is ActionStatus.EXPIRED


async def test_nobody_can_approve_what_is_not_there_or_over(desk: Desk) -> None:
    refused: list[type[AkesoError]] = []
    step = await desk.asked()
    incident = await desk.incident_store.of_step(step)
    await desk.incident_store.record(incident.id, e.IncidentResolved("enough"), "test")
    for name in ("nothing", step):
        try:
            await desk.incident_store.approve(name, "ada", Role.APPROVER)
        except AkesoError as error:
            refused.append(type(error))
    assert refused == [NotFound, Conflict]
