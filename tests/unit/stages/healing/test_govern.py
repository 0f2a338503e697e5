"""The question put to policy, and what guards do to its answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services, ServiceSpec, Trust
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Option, Risk, Step
from akeso.domain.incident.verdict import Allow, Ask, Deny, Modify, Verdict
from akeso.stages.healing.govern import GovernOptions, Nature, Situation, approved, govern, policy_request
from akeso.stages.healing.guards import EffectHistory, PastEffect
from akeso.testing.policy import ROUTINE, ScriptedPolicy

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP = Step("s1", "restart", "stock")
OPTION = Option("restart-it", (STEP,), 0.5, Risk.LOW, False, timedelta(seconds=30))
INCIDENT = Incident("i1", "t", "front", "slow", Severity.ERROR, NOW, NOW, NOW)
SPEC = ServiceSpec("stock", tier=1, owner="depot", environment="staging", external=True, trust=Trust.AUTO)
SITUATION = Situation(
    NOW,
    Services({"stock": SPEC}),
    Topology((Edge("front", "cart"), Edge("cart", "stock"), Edge("stock", "db"))),
    EffectHistory((PastEffect("i0", "s", "stock", "restart", NOW - timedelta(minutes=5), False),), suspended=True),
    GovernOptions(change_freeze=True, dry_run=False),
)
NATURE = Nature(reversible=True, risk=Risk.MEDIUM)
GUARD = Deny("guard:budget", "spent")


def test_the_question_holds_what_is_known_of_step_target_and_incident() -> None:
    known = replace(INCIDENT, diagnosis=Diagnosis((Hypothesis("stock", "crash", 0.8),), True))
    request = policy_request(known, OPTION, STEP, NATURE, SITUATION)
    assert (request.principal, request.role, request.step) == ("healing", "agent", STEP)
    assert (request.tier, request.environment, request.external) == (1, "staging", True)
    assert (request.reversible, request.risk, request.trust) == (True, Risk.MEDIUM, Trust.AUTO)
    assert (request.confidence, request.blast_radius, request.recent_repeats) == (0.8, 2, 1)
    assert (request.change_freeze, request.suspended, request.dry_run) == (True, True, False)
    assert request.context["playbook"] == "restart-it"
    assert request.context["fault_class"] == "crash"


def test_without_a_diagnosis_there_is_no_confidence() -> None:
    assert policy_request(INCIDENT, OPTION, STEP, NATURE, SITUATION).confidence == 0


def test_the_action_s_own_rung_of_trust_counts() -> None:
    careful = Services({"stock": replace(SPEC, action_trust={"restart": Trust.OBSERVE})})
    assert policy_request(INCIDENT, OPTION, STEP, NATURE, replace(SITUATION, services=careful)).trust == Trust.OBSERVE


def test_a_service_nobody_described_gets_the_global_rung() -> None:
    unknown = replace(STEP, target="nameless")
    assert policy_request(INCIDENT, OPTION, unknown, NATURE, SITUATION).trust == Trust.APPROVE


def test_an_approved_step_is_judged_as_the_person_s() -> None:
    request = approved(ROUTINE, "kim", "approver", dry_run=True)
    assert (request.principal, request.role, request.approved_by, request.dry_run) == ("kim", "approver", "kim", True)


@pytest.mark.parametrize(
    "verdict", [Allow("p"), Ask("p", ("admin",), timedelta(minutes=1)), Modify("p", STEP, "smaller")]
)
def test_a_guard_overrules_every_policy(verdict: Verdict) -> None:
    assert govern(ROUTINE, ScriptedPolicy(verdict), GUARD) == GUARD
    assert govern(ROUTINE, ScriptedPolicy(verdict), None) == verdict


def test_a_denial_by_policy_keeps_its_reason() -> None:
    assert govern(ROUTINE, ScriptedPolicy(Deny("p", "why")), GUARD) == Deny("p", "why")


def test_a_dry_run_is_not_guarded() -> None:
    assert govern(replace(ROUTINE, dry_run=True), ScriptedPolicy(Allow("dry-run")), GUARD) == Allow("dry-run")
