"""The healing agent over a small world: from symptoms to a verified end."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import Conflict, Forbidden, Unavailable
from akeso.domain.estate.access import Role
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.events import IncidentDetected
from akeso.domain.incident.incident import IncidentStatus
from akeso.domain.incident.outcome import Recovery
from akeso.domain.incident.person_events import IncidentSnoozed
from akeso.domain.incident.plan import Step
from akeso.domain.incident.verdict import Allow, Ask, Deny, Modify, PolicyRequest, Verdict
from akeso.domain.messages import ConfigUpdate, Decision, Feedback
from akeso.ports.bus import Message, Topic
from akeso.testing.engine import TENANT, WorldAction, statuses, symptoms
from akeso.testing.healing import Ward, certain, one_by_one
from akeso.testing.policy import ScriptedPolicy


@pytest.fixture
def ward() -> Ward:
    return Ward()


async def falls_ill(ward: Ward) -> None:
    await ward.start()
    ward.break_it()
    await ward.run(3)
    await ward.notice()


def alert(ward: Ward, status: AlertStatus = AlertStatus.FIRING) -> Message:
    at = ward.world.broken_from or ward.clock.now()
    ends = ward.clock.now() if status is AlertStatus.RESOLVED else None
    return Message(
        Topic.ALERTS, "", Alert(TENANT, "f1", "alertmanager", "cart", "CartSlow", Severity.ERROR, status, at, ends)
    )


async def test_an_incident_is_healed_verified_and_remembered(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.run(20)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.RESOLVED
    assert [what for what, _ in ward.world.applied] == ["restart cart"]
    assert incident.verification is not None
    assert incident.verification.recovery is Recovery.RECOVERED
    assert incident.mttr is not None
    assert incident.mttr < timedelta(seconds=12)
    assert ward.memory.memories[incident.memory].action == "restart"
    assert ward.agent.working == frozenset()


async def test_recovery_is_told_within_five_seconds_after_it(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.run(20)
    incident = await ward.incident()
    assert ward.world.gone_at is not None
    assert incident.ended_at is not None
    assert incident.ended_at - ward.world.gone_at < timedelta(seconds=5)


async def test_what_did_not_help_is_undone_and_the_next_is_tried(ward: Ward) -> None:
    ward.actions = {
        "scale_out": WorldAction(ward.world, "scale_out", reversible=True),
        "restart": WorldAction(ward.world),
    }
    ward.planner = one_by_one(["scale_out", "restart"], "cart")
    await falls_ill(ward)
    await ward.run(40)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.RESOLVED
    assert [what for what, _ in ward.world.applied] == ["scale_out cart", "restart cart"]
    assert [what for what, _ in ward.world.undone] == ["scale_out cart"]
    assert list(statuses(incident).values()) == ["undone", "applied"]


async def test_when_nothing_helps_it_thinks_again_once_and_then_escalates(ward: Ward) -> None:
    ward.world.cures = frozenset()
    ward.actions = {name: WorldAction(ward.world, name) for name in ("restart", "rollback_release")}

    first, second = one_by_one(["restart"], "cart"), one_by_one(["rollback_release"], "cart")
    ward.planner = lambda i, d, around, past: (second if i.plans else first)(i, d, around, past)
    await falls_ill(ward)
    await ward.run(60)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert [what for what, _ in ward.world.applied] == ["restart cart", "rollback_release cart"]
    assert incident.plans == 2
    assert incident.mttr is None
    assert incident.memory


async def test_a_symptom_that_goes_away_by_itself_costs_no_action(ward: Ward) -> None:
    await falls_ill(ward)
    ward.world.gone_at = ward.clock.now() - timedelta(seconds=2)
    await ward.run(15)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.RESOLVED
    assert "by itself" in incident.why
    assert ward.world.applied == []


async def test_an_unknown_cause_is_watched_and_then_escalates(ward: Ward) -> None:
    ward.diagnoses = lambda case: Diagnosis((), False, f"{len(case.anomalies)} anomalies say nothing")
    await falls_ill(ward)
    await ward.run(30)
    assert (await ward.incident()).status is IncidentStatus.ANALYZING
    await ward.run(35)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert 3 <= incident.diagnoses <= 7
    assert ward.world.applied == []


async def test_a_second_look_with_more_anomalies_may_know_the_cause(ward: Ward) -> None:
    ward.diagnoses = lambda case: certain("cart", 0.9 if len(case.anomalies) > 2 else 0.2)
    await ward.start()
    ward.break_it()
    await ward.run(3)
    everything = symptoms(ward.world, ward.clock.now())
    await ward.agent.handle(Message(Topic.DECISIONS, "", Decision(ward.window.now, everything[:2])))
    await ward.run(3)
    assert (await ward.incident()).plan is None
    late = tuple(replace(a, detected_at=ward.clock.now()) for a in everything[2:])
    await ward.agent.handle(Message(Topic.DECISIONS, "", Decision(ward.window.now, late)))
    await ward.run(3)
    incident = await ward.incident()
    assert incident.diagnoses == 2
    assert len(ward.world.applied) == 1


async def test_denied_everywhere_means_a_person_has_to_go_on(ward: Ward) -> None:
    ward.policy = ScriptedPolicy(Deny("freeze", "nobody touches anything today"))
    await falls_ill(ward)
    await ward.run(10)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert "nobody touches anything today" in incident.why
    assert ward.world.applied == []


async def test_governance_that_does_not_answer_is_a_no(ward: Ward) -> None:
    ward.open()
    ward.bus.off(Topic.POLICY_REQUESTS)
    await falls_ill(ward)
    await ward.run(10)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert "governance gave no answer" in incident.why


async def test_a_smaller_step_replaces_the_proposed_one(ward: Ward) -> None:
    def smaller(request: PolicyRequest) -> Verdict:
        step = Step(request.step.id, "restart", "cart", {"instances": "1"})
        return Modify("one-by-one", step, "not all at once")

    ward.policy = ScriptedPolicy(smaller)
    await falls_ill(ward)
    await ward.run(15)
    incident = await ward.incident()
    (record,) = incident.actions.values()
    assert record.step.parameters == {"instances": "1"}
    assert incident.status is IncidentStatus.RESOLVED


def asks_unless_approved(request: PolicyRequest) -> Verdict:
    if request.approved_by:
        return Allow("approved") if request.role in {"approver", "admin"} else Deny("approved", "not by you")
    return Ask("ladder", ("approver", "admin"), timedelta(minutes=30))


async def test_a_step_that_needs_a_yes_waits_for_it_and_runs_after_it(ward: Ward) -> None:
    ward.policy = ScriptedPolicy(asks_unless_approved)
    await falls_ill(ward)
    await ward.run(10)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.PENDING_APPROVAL
    (step,) = incident.actions
    assert statuses(incident) == {step: "asked"}
    with pytest.raises(Forbidden):
        await ward.incident_store.approve(step, "olga", Role.OPERATOR, dry_run=False)
    await ward.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False)
    with pytest.raises(Conflict):
        await ward.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False)
    await ward.run(12)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.RESOLVED
    assert incident.actions[step].approved_by == "ada"
    assert len(ward.world.applied) == 1


async def test_a_rejected_step_escalates_when_nothing_else_is_left(ward: Ward) -> None:
    ward.policy = ScriptedPolicy(asks_unless_approved)
    await falls_ill(ward)
    await ward.run(4)
    (step,) = (await ward.incident()).actions
    await ward.incident_store.reject(step, "ada", Role.APPROVER, reason="I am on it")
    await ward.run(2)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert "I am on it" in incident.why
    assert ward.world.applied == []


async def test_an_approval_that_expires_escalates_and_can_be_given_once_it_was_proposed_anew(ward: Ward) -> None:
    ward.policy = ScriptedPolicy(
        lambda asked: Allow("as-told") if asked.approved_by else Ask("ladder", ("approver",), timedelta(seconds=20))
    )
    ward.actions = {name: WorldAction(ward.world, name) for name in ("restart", "rollback_release")}
    first, second = one_by_one(["rollback_release"], "cart"), one_by_one(["restart"], "cart")
    ward.planner = lambda i, d, around, past: (second if i.plans else first)(i, d, around, past)
    await falls_ill(ward)
    await ward.run(30)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    (step,) = incident.actions
    assert ward.world.applied == []
    with pytest.raises(Conflict):
        await ward.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False)
    await ward.agent.analyze(incident.id, "ada")
    await ward.run(8)
    *_, again = (await ward.incident()).actions
    assert again != step
    await ward.incident_store.approve(again, "ada", Role.APPROVER, dry_run=False)
    await ward.run(15)
    assert [what for what, _ in ward.world.applied] == ["restart cart"]
    assert (await ward.incident()).status is IncidentStatus.RESOLVED


async def test_after_a_rejection_nothing_else_is_tried_until_somebody_asks(ward: Ward) -> None:
    ward.policy = ScriptedPolicy(
        lambda asked: asks_unless_approved(asked) if asked.step.action == "restart" else Allow("as-told")
    )
    ward.actions = {name: WorldAction(ward.world, name) for name in ("restart", "rollback_release")}
    ward.planner = one_by_one(["restart", "rollback_release"], "cart")
    await falls_ill(ward)
    await ward.run(4)
    step = next(iter((await ward.incident()).actions))
    await ward.incident_store.reject(step, "ada", Role.APPROVER, reason="I am on it")
    await ward.run(30)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert ward.world.applied == []
    await ward.agent.analyze(incident.id, "ada")
    await ward.run(8)
    assert (await ward.incident()).diagnoses > incident.diagnoses


async def test_an_escalated_incident_whose_symptoms_go_away_is_resolved_and_nobody_is_said_to_have_healed_it(
    ward: Ward,
) -> None:
    ward.diagnoses = lambda _: Diagnosis((), False, "nobody knows")
    await falls_ill(ward)
    await ward.run(65)
    assert (await ward.incident()).status is IncidentStatus.ESCALATED
    ward.world.gone_at = ward.clock.now()
    await ward.run(100)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.RESOLVED
    assert "Akeso did nothing" in incident.why


async def test_while_an_incident_is_snoozed_nothing_begins(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.run(1)
    until = ward.clock.now() + timedelta(seconds=60)
    incident = await ward.incident()
    await ward.incident_store.record(incident.id, IncidentSnoozed("ada", until, "deploying"), "ada")
    await ward.run(50)
    assert ward.world.applied == []
    await ward.run(30)
    assert [what for what, _ in ward.world.applied] == ["restart cart"]


async def test_in_a_dry_run_the_step_is_only_previewed_until_a_person_says_otherwise(ward: Ward) -> None:
    ward.dry_run = True
    await falls_ill(ward)
    await ward.run(10)
    incident = await ward.incident()
    (step,) = incident.actions
    assert incident.status is IncidentStatus.PENDING_APPROVAL
    assert incident.actions[step].preview == "would restart cart"
    await ward.incident_store.approve(step, "ada", Role.APPROVER, dry_run=True)
    await ward.run(2)
    assert statuses(await ward.incident()) == {step: "previewed"}
    assert ward.world.applied == []
    await ward.incident_store.approve(step, "ada", Role.APPROVER, dry_run=False)
    await ward.run(12)
    assert (await ward.incident()).status is IncidentStatus.RESOLVED
    assert len(ward.world.applied) == 1


async def test_in_a_dry_run_those_are_asked_whom_policy_asks_about_the_effect(ward: Ward) -> None:
    ward.dry_run = True
    asked = Ask("ladder", ("admin",), timedelta(seconds=20))
    ward.policy = ScriptedPolicy(lambda request: Allow("dry-run") if request.dry_run else asked)
    await falls_ill(ward)
    await ward.run(10)
    (record,) = (await ward.incident()).actions.values()
    assert (record.status, record.approvers) == ("previewed", ("admin",))
    await ward.run(20)
    assert (await ward.incident()).actions[record.step.id].status == "expired"


async def test_a_message_may_only_switch_the_dry_run_on(ward: Ward) -> None:
    await ward.start()
    for value in ("true", "false"):
        update = ConfigUpdate("dry_run", value, ward.clock.now(), "ada")
        await ward.agent.handle(Message(Topic.CONFIG_UPDATES, "", update))
    ward.break_it()
    await ward.run(3)
    await ward.notice()
    await ward.run(10)
    assert (await ward.incident()).status is IncidentStatus.PENDING_APPROVAL
    assert ward.world.applied == []


async def test_suspended_effects_stop_even_an_allowed_step(ward: Ward) -> None:
    await ward.start()
    await ward.suspension.suspend("ada", "the sale is on")
    ward.break_it()
    await ward.run(3)
    await ward.notice()
    await ward.run(10)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.ESCALATED
    assert ward.world.applied == []


async def test_the_same_decision_twice_is_one_incident(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.notice()
    assert ward.events().count("IncidentDetected") == 1
    assert ward.events().count("AnomaliesAttached") == 0


async def test_symptoms_that_outlive_a_resolved_incident_open_the_next(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.run(15)
    first = await ward.incident()
    assert first.status is IncidentStatus.RESOLVED
    for _ in range(30):
        await ward.run(1)
        await ward.agent.handle(Message(Topic.DECISIONS, "", Decision(ward.window.now)))
    assert ward.events().count("IncidentDetected") == 2
    second = await ward.incident()
    assert second.onset > first.onset


async def test_symptoms_that_cleared_open_nothing_more(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.run(15)
    cleared = tuple(a.key for a in symptoms(ward.world, ward.clock.now()))
    await ward.agent.handle(Message(Topic.DECISIONS, "", Decision(ward.window.now, cleared=cleared)))
    for _ in range(30):
        await ward.run(1)
        await ward.agent.handle(Message(Topic.DECISIONS, "", Decision(ward.window.now)))
    assert ward.events().count("IncidentDetected") == 1


async def test_an_alert_joins_the_incident_and_its_end_is_noted(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.agent.handle(alert(ward))
    await ward.agent.handle(alert(ward))
    await ward.agent.handle(alert(ward, AlertStatus.RESOLVED))
    incident = await ward.incident()
    assert [a.status for a in incident.alerts] == [AlertStatus.RESOLVED]


async def test_an_incident_opened_by_a_person_gets_a_worker(ward: Ward) -> None:
    await ward.start()
    event = IncidentDetected(TENANT, "cart", "it feels slow", Severity.ERROR, ward.clock.now())
    opened = await ward.incident_store.open(event, "olga")
    await ward.run(1)
    assert ward.agent.working == {opened.id}
    await ward.agent.analyze(opened.id, "olga")
    await ward.run(15)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.RESOLVED
    with pytest.raises(Conflict):
        await ward.agent.analyze(opened.id, "olga")


async def test_a_journal_that_is_down_for_a_while_only_delays(ward: Ward) -> None:
    await falls_ill(ward)
    await ward.run(1)
    ward.journal.failure = Unavailable("disk is full")
    await ward.run(5)
    ward.journal.failure = None
    await ward.run(25)
    assert (await ward.incident()).status is IncidentStatus.RESOLVED
    assert len(ward.world.applied) == 1


async def test_an_incident_whose_healing_breaks_fails_and_stops_nobody(ward: Ward) -> None:
    def broken(case: Case) -> Diagnosis:
        raise ZeroDivisionError("no number of anomalies")

    ward.diagnoses = broken
    await falls_ill(ward)
    await ward.run(30)
    incident = await ward.incident()
    assert incident.status is IncidentStatus.FAILED
    assert "ZeroDivisionError" in incident.why


async def test_the_watermark_stays_behind_what_waits_in_memory_only(ward: Ward) -> None:
    await ward.start()
    ward.break_it()
    await ward.run(3)
    now = ward.window.now
    await ward.agent.handle(Message(Topic.DECISIONS, "", Decision(now)))
    assert ward.marks == [now]


async def test_feedback_of_a_person_is_kept_with_the_incident(ward: Ward) -> None:
    await falls_ill(ward)
    word = Feedback(TENANT, "cart", ward.clock.now(), anomalous=True, predicted=True, by="ada")
    await ward.agent.handle(Message(Topic.FEEDBACK, "", word))
    assert "FeedbackGiven" in ward.events()


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield
