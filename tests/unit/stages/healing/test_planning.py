from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from akeso.config.playbook_file import load_playbooks
from akeso.domain.detection.anomaly import Severity
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.diagnosis import UNKNOWN, Diagnosis, FaultClass, Hypothesis
from akeso.domain.incident.incident import ActionRecord, ActionStatus, Incident
from akeso.domain.incident.plan import Plan, Step
from akeso.domain.telemetry.batches import Change
from akeso.stages.healing.plan import History, PlanOptions, Surroundings, plan, refusals
from akeso.testing.recorded.cases import spec

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
INCIDENT = Incident("inc-7", "t", "quotes", "slow", Severity.ERROR, AT, AT, AT)
BOOKS = load_playbooks()
SERVICES = Services(
    {
        "quotes": spec("quotes"),
        "charge": spec("charge"),
        "acquirer": spec("acquirer", external=True),
        "records": spec("records"),
        "shipping": spec("shipping"),
        "bare": ServiceSpec("bare"),
        "front": spec("front", tier=0),
    }
)
AROUND = Surroundings(SERVICES, Topology((Edge("charge", "acquirer"), Edge("buy", "quotes"))))


def _diagnosis(*found: tuple[str, str, float]) -> Diagnosis:
    return Diagnosis(tuple(Hypothesis(*f) for f in found), known=True)


def _plan(*found: tuple[str, str, float], around: Surroundings = AROUND, history: History | None = None) -> Plan:
    return plan(INCIDENT, _diagnosis(*found), BOOKS, around, history or {})


def _changed(service: str, kind: str, before: timedelta = timedelta(seconds=5)) -> Surroundings:
    return replace(AROUND, changes=(Change(service, kind, "2", AT - before),))


def _actions(made: Plan) -> list[tuple[str, str]]:
    return [(o.steps[0].action, o.steps[0].target) for o in made.options]


def test_a_crash_is_met_with_a_restart() -> None:
    assert _actions(_plan(("quotes", FaultClass.CRASH, 0.9)))[0] == ("restart", "quotes")


def test_a_bad_release_is_rolled_back_before_it_is_restarted() -> None:
    made = _plan(("quotes", FaultClass.BAD_RELEASE, 0.9), around=_changed("quotes", "deploy"))
    assert _actions(made) == [("rollback_release", "quotes"), ("restart", "quotes")]
    assert made.options[0].reversible
    assert not made.options[1].reversible


def test_a_crash_loop_is_rolled_back_and_then_restarted() -> None:
    made = _plan(("quotes", FaultClass.CRASH_LOOP, 0.9), around=_changed("quotes", "deploy"))
    assert _actions(made) == [("rollback_release", "quotes"), ("restart", "quotes")]


def test_nothing_is_rolled_back_without_a_recent_deploy_and_the_option_says_so() -> None:
    made = _plan(("quotes", FaultClass.BAD_RELEASE, 0.9))
    assert _actions(made) == [("restart", "quotes")]
    assert "roll-back-release (quotes had no deploy in the last 900 s)" in made.options[0].why
    old = _plan(("quotes", FaultClass.BAD_RELEASE, 0.9), around=_changed("quotes", "deploy", timedelta(hours=1)))
    assert _actions(old) == [("restart", "quotes")]


def test_a_bad_configuration_is_reverted() -> None:
    made = _plan(("quotes", FaultClass.BAD_CONFIGURATION, 0.9), around=_changed("quotes", "config"))
    assert _actions(made) == [("revert_configuration", "quotes")]


def test_a_backlog_restarts_the_consumer_then_redrives_then_scales() -> None:
    made = _plan(("shipping", FaultClass.QUEUE_BACKLOG, 0.9))
    assert [a for a, _ in _actions(made)] == ["restart", "redrive_queue", "scale_out"]


def test_a_surge_scales_out_and_a_lock_ends_the_session() -> None:
    assert _actions(_plan(("quotes", FaultClass.TRAFFIC_SURGE, 0.9))) == [("scale_out", "quotes")]
    assert _actions(_plan(("records", FaultClass.LOCK_CONTENTION, 0.9))) == [("end_database_session", "records")]


def test_the_caller_of_an_external_cause_switches_to_its_fallback() -> None:
    assert _actions(_plan(("acquirer", FaultClass.SLOW_DEPENDENCY, 0.9))) == [("switch_fallback", "charge")]


def test_nothing_is_ever_done_to_an_external_service() -> None:
    for kind in (FaultClass.CRASH, FaultClass.LATENCY_DEGRADATION, FaultClass.TRAFFIC_SURGE, UNKNOWN):
        assert all(target != "acquirer" for _, target in _actions(_plan(("acquirer", kind, 0.95))))


def test_a_service_without_the_binding_gets_an_empty_plan_with_a_reason() -> None:
    diagnosis = _diagnosis(("bare", FaultClass.CRASH, 0.9))
    assert plan(INCIDENT, diagnosis, BOOKS, AROUND, {}).empty
    reasons = [r.why for r in refusals(INCIDENT, diagnosis, BOOKS, AROUND)]
    assert "bare has no binding “process”" in reasons


def test_an_unknown_cause_gets_an_empty_plan() -> None:
    unsure = replace(_diagnosis(("quotes", FaultClass.CRASH, 0.3)), known=False)
    assert plan(INCIDENT, unsure, BOOKS, AROUND, {}).empty


def test_an_unnamed_fault_is_restarted_only_when_sure_and_not_at_the_highest_tier() -> None:
    assert _actions(_plan(("quotes", UNKNOWN, 0.9))) == [("restart", "quotes")]
    assert _plan(("quotes", UNKNOWN, 0.6)).empty
    assert _plan(("front", UNKNOWN, 0.9)).empty


def test_history_reorders_what_the_playbooks_expect() -> None:
    failed = {(FaultClass.QUEUE_BACKLOG, "restart"): (0, 20), (FaultClass.QUEUE_BACKLOG, "redrive_queue"): (19, 20)}
    made = _plan(("shipping", FaultClass.QUEUE_BACKLOG, 0.9), history=failed)
    assert _actions(made)[0] == ("redrive_queue", "shipping")


def test_the_second_hypothesis_counts_only_when_it_is_close() -> None:
    close = _plan(("quotes", FaultClass.CRASH, 0.5), ("charge", FaultClass.CRASH, 0.4))
    assert {t for _, t in _actions(close)} == {"quotes", "charge"}
    far = _plan(("quotes", FaultClass.CRASH, 0.8), ("charge", FaultClass.CRASH, 0.1))
    assert {t for _, t in _actions(far)} == {"quotes"}


def test_what_was_tried_in_this_incident_is_not_planned_again() -> None:
    record = ActionRecord(Step("inc-7-p1-o1-s1", "restart", "shipping"), ActionStatus.APPLIED)
    again = replace(INCIDENT, actions=MappingProxyType({record.step.id: record}), plans=1)
    made = plan(again, _diagnosis(("shipping", FaultClass.QUEUE_BACKLOG, 0.9)), BOOKS, AROUND, {})
    assert [a for a, _ in _actions(made)] == ["redrive_queue", "scale_out"]


def test_step_ids_tell_incident_plan_option_and_step() -> None:
    second = replace(INCIDENT, plans=1)
    made = plan(second, _diagnosis(("shipping", FaultClass.QUEUE_BACKLOG, 0.9)), BOOKS, AROUND, {})
    assert [s.id for o in made.options for s in o.steps] == ["inc-7-p2-o1-s1", "inc-7-p2-o2-s1", "inc-7-p2-o3-s1"]


def test_a_plan_has_no_more_options_than_allowed() -> None:
    options = PlanOptions(at_most=1)
    made = plan(INCIDENT, _diagnosis(("shipping", FaultClass.QUEUE_BACKLOG, 0.9)), BOOKS, AROUND, {}, options)
    assert len(made.options) == 1
