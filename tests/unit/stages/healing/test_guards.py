"""The guards that no policy can switch off."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident, IncidentStatus
from akeso.domain.incident.outcome import Recovery, Verification
from akeso.domain.incident.plan import Option, Plan, Risk, Step
from akeso.stages.healing.guards import (
    BUDGET,
    CONCURRENCY,
    COOL_DOWN,
    DONE,
    MINIMUM_HEALTHY,
    PRE_STATE,
    RECURRENCE,
    REJECTED,
    REPEAT,
    SUSPENDED,
    EffectHistory,
    GuardOptions,
    PastEffect,
    Proposal,
    effects_of,
    guard,
)
from akeso.stages.healing.rejections import Rejection

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP = Step("s9", "restart", "catalog")
IRREVERSIBLE = Proposal(STEP, reversible=False)
SERVICES = Services({"catalog": ServiceSpec("catalog", minimum_healthy=2)})


def incident(service: str = "frontend") -> Incident:
    return Incident("i1", "t", service, "slow", Severity.ERROR, NOW, NOW, NOW)


def past(ago_s: float, action: str = "restart", target: str = "catalog", **more: object) -> PastEffect:
    at = NOW - timedelta(seconds=ago_s)
    return PastEffect("i0", f"s{ago_s}", target, action, at, **more)  # type: ignore[arg-type]


def refused(*effects: PastEffect, proposal: Proposal = IRREVERSIBLE, case: Incident | None = None) -> str | None:
    refusal = guard(proposal, case or incident(), EffectHistory(effects), SERVICES, NOW, GuardOptions())
    return refusal.policy if refusal else None


def test_a_first_effect_passes() -> None:
    assert refused() is None


def test_nothing_passes_while_effects_are_suspended() -> None:
    refusal = guard(Proposal(STEP, False), incident(), EffectHistory(suspended=True), SERVICES, NOW)
    assert refusal is not None
    assert refusal.policy == SUSPENDED


@pytest.mark.parametrize(("ago", "verdict"), [(0, COOL_DOWN), (29.9, COOL_DOWN), (30, None)])
def test_the_same_effect_waits_for_its_cool_down(ago: float, verdict: str | None) -> None:
    assert refused(past(ago, recovered=True)) == verdict


def case_with(**record: object) -> Incident:
    """An incident diagnosed a minute ago, with the step that is proposed."""
    own = ActionRecord(STEP, **record)  # type: ignore[arg-type]
    return replace(incident(), actions={STEP.id: own}, diagnosed_at=NOW - timedelta(seconds=60))


def test_what_another_incident_did_after_the_diagnosis_is_not_done_again() -> None:
    assert refused(past(40, recovered=True), case=case_with()) == DONE
    assert refused(past(61, recovered=True), case=case_with()) is None


def test_of_two_approvals_of_one_effect_within_its_cool_down_one_is_carried_out() -> None:
    approved = case_with(approved_by="bob", approved_at=NOW - timedelta(seconds=32))
    assert refused(past(31, recovered=True), case=approved) == DONE
    assert refused(past(61, recovered=True), case=approved) == DONE
    assert refused(past(63, recovered=True), case=approved) is None


def test_what_did_not_take_place_was_not_done() -> None:
    assert refused(past(40, recovered=False, took_place=False), case=case_with()) is None


def recurring(times: int, every_h: float = 5) -> list[PastEffect]:
    return [replace(past(every_h * 3600 * n, recovered=True), incident=f"past{n}") for n in range(1, times + 1)]


def test_what_helped_three_times_in_a_day_and_came_back_is_for_a_person() -> None:
    assert refused(*recurring(2)) is None
    assert refused(*recurring(3)) == RECURRENCE
    assert refused(*recurring(3, every_h=9)) is None


def test_a_person_may_have_it_done_a_fourth_time() -> None:
    assert refused(*recurring(3), case=case_with(approved_by="ann", approved_at=NOW)) is None


def rejection(tenant: str = "t") -> Rejection:
    hour_ago = NOW - timedelta(hours=1)
    return Rejection(tenant, "i0", "s0", "restart", "catalog", "catalog", "crash", "ann", hour_ago)


@pytest.mark.parametrize(
    ("said", "case", "verdict"),
    [
        (rejection(), incident(), REJECTED),
        (rejection("another"), incident(), None),
        (rejection(), case_with(approved_by="bob", approved_at=NOW), None),
    ],
    ids=["it holds", "another tenant's", "somebody said yes since"],
)
def test_a_rejection_holds_until_a_person_says_yes(said: Rejection, case: Incident, verdict: str | None) -> None:
    refusal = guard(IRREVERSIBLE, case, EffectHistory((), False, (said,)), SERVICES, NOW)
    assert (refusal.policy if refusal else None) == verdict


def test_another_action_or_target_does_not_wait() -> None:
    assert refused(past(1, action="scale_out"), past(1, target="cart")) is None


def test_a_step_is_no_repetition_of_itself() -> None:
    own = PastEffect("i1", "s9", "catalog", "restart", NOW, running=True)
    assert refused(own, own, own) is None


@pytest.mark.parametrize("recovered", [False, None])
def test_the_third_try_without_a_known_recovery_is_refused(recovered: bool | None) -> None:
    twice = [past(120, recovered=recovered), past(1700, recovered=recovered)]
    assert refused(*twice) == REPEAT
    assert refused(twice[0], past(1801, recovered=recovered)) is None


def test_what_brought_recovery_may_be_done_again() -> None:
    assert refused(past(120, recovered=True), past(240, recovered=True), past(360)) is None


def test_a_target_has_a_budget_over_all_actions() -> None:
    spent = [past(100 + n, action=f"a{n}", recovered=True) for n in range(10)]
    assert refused(*spent) == BUDGET
    assert refused(*spent[:-1], past(3601, action="a9")) is None
    assert refused(*(replace(e, target="cart") for e in spent)) is None


def test_only_so_many_effects_run_at_once() -> None:
    running = [past(5, target=f"t{n}", running=True) for n in range(3)]
    assert refused(*running) == CONCURRENCY
    assert refused(*running[:2]) is None


def test_an_action_that_claims_to_be_reversible_needs_something_to_go_back_to() -> None:
    assert refused(proposal=Proposal(STEP, True, {})) == PRE_STATE
    assert refused(proposal=Proposal(STEP, True, {"current": "1"})) is None
    assert refused(proposal=Proposal(STEP, False, {})) is None
    assert refused(proposal=Proposal(STEP, True, None)) is None


def taking(running: int, down: int, *, returns: bool) -> Proposal:
    state = {"running": str(running), "takes_down": str(down), "returns": str(returns).lower()}
    return Proposal(STEP, False, state)


@pytest.mark.parametrize(("running", "verdict"), [(3, None), (2, MINIMUM_HEALTHY), (1, MINIMUM_HEALTHY)])
def test_instances_of_a_sound_service_are_not_taken_below_the_minimum(running: int, verdict: str | None) -> None:
    assert refused(proposal=taking(running, 1, returns=True)) == verdict


def test_the_only_instance_of_a_faulty_service_may_be_restarted() -> None:
    faulty, diagnosed = (
        incident("catalog"),
        replace(incident(), diagnosis=Diagnosis((Hypothesis("catalog", "crash", 0.9),), True)),
    )
    assert refused(proposal=taking(1, 1, returns=True), case=faulty) is None
    assert refused(proposal=taking(1, 1, returns=True), case=diagnosed) is None


def test_instances_that_stay_away_count_even_for_a_faulty_service() -> None:
    assert refused(proposal=taking(2, 1, returns=False), case=incident("catalog")) == MINIMUM_HEALTHY


def test_starting_what_is_dead_takes_nothing_down() -> None:
    assert refused(proposal=taking(0, 0, returns=True)) is None


def test_reasons_carry_the_numbers() -> None:
    refusal = guard(Proposal(STEP, False), incident(), EffectHistory((past(12),)), SERVICES, NOW)
    assert refusal is not None
    assert "12 s ago" in refusal.why
    assert "30 s" in refusal.why


def healed(status: IncidentStatus, recovery: Recovery | None = None, option: int = 0) -> Incident:
    first, second = Step("a", "restart", "catalog"), Step("b", "scale_out", "catalog")
    options = tuple(Option(s.action, (s,), 0.5, Risk.LOW, False, timedelta(seconds=30)) for s in (first, second))
    actions = {"a": ActionRecord(first, ActionStatus.APPLIED, intended_at=NOW), "b": ActionRecord(second)}
    verification = None if recovery is None else Verification(recovery, "")
    return replace(
        incident(), status=status, plan=Plan(options), option=option, actions=actions, verification=verification
    )


@pytest.mark.parametrize(
    ("case", "recovered"),
    [
        (healed(IncidentStatus.VERIFYING), None),
        (healed(IncidentStatus.VERIFYING, Recovery.RECOVERED), True),
        (healed(IncidentStatus.VERIFYING, Recovery.UNKNOWN), None),
        (healed(IncidentStatus.RESOLVED), True),
        (healed(IncidentStatus.ESCALATED, Recovery.NOT_RECOVERED), False),
        (healed(IncidentStatus.EXECUTING, option=1), False),
        (healed(IncidentStatus.RESOLVED, Recovery.RECOVERED, option=1), False),
    ],
)
def test_the_history_of_an_incident_tells_what_became_of_its_effects(case: Incident, recovered: bool | None) -> None:
    assert effects_of(case) == (PastEffect("i1", "a", "catalog", "restart", NOW, recovered, running=False),)


def test_an_intended_effect_runs_until_its_outcome_is_known() -> None:
    case = healed(IncidentStatus.EXECUTING)
    record = replace(case.actions["a"], status=ActionStatus.INTENDED)
    assert effects_of(replace(case, actions={"a": record}))[0].running
