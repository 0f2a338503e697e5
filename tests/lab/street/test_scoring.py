from dataclasses import replace
from typing import Any

import pytest

from akeso.lab.load.client import View
from akeso.lab.scoring.akeso_client import Action, Hypothesis, Incident
from akeso.lab.street.check import Proof, pain
from akeso.lab.street.faults.register import FAULTS
from akeso.lab.street.scoring.baseline import AlertWatch, Firing, entity_of
from akeso.lab.street.scoring.case import Case, Seen
from akeso.lab.street.scoring.report import Life, document, summarise

BEGAN = 1000.0
RESTART = Action("restart", "redis", "applied", BEGAN + 12.0)


def incident(at: float = BEGAN + 10.0, **changes: Any) -> Incident:
    suspects = (Hypothesis("redis", "crash", 0.9), Hypothesis("web", "error_burst", 0.1))
    return replace(Incident("i", "RESOLVED", "web", "web fails", at, at + 20.0, suspects, (), None), **changes)


def case(*incidents: Incident, fault: str = "redis_stopped", **seen: Any) -> Case:
    return Case(FAULTS[fault], 0, Seen(BEGAN, BEGAN + 100.0, BEGAN + 1.0, **seen), incidents)


def view(*turns: tuple[float, bool]) -> View:
    return View(BEGAN, True, BEGAN, True, (), turns, {})


def test_the_first_incident_decides_about_cause_and_kind() -> None:
    other = incident(BEGAN + 30.0, hypotheses=(Hypothesis("web", "crash", 0.99),))
    assert case(incident(), other).cause_first
    assert case(incident(), other).kind_right
    late = case(replace(other, detected_at=BEGAN + 5.0), incident())
    assert not late.cause_first
    assert late.named_at_all


def test_a_right_kind_of_the_wrong_service_is_wrong() -> None:
    assert not case(incident(hypotheses=(Hypothesis("web", "crash", 0.9),))).kind_right


def test_what_is_opened_after_the_undoing_was_not_noticed() -> None:
    late = case(incident(BEGAN + 101.0))
    assert not late.noticed
    assert not late.cause_first


def test_effects_that_do_not_help_are_unneeded() -> None:
    wrong = replace(RESTART, target="web")
    judged = case(incident(actions=(RESTART, wrong)))
    assert judged.accepts(RESTART)
    assert judged.unneeded == (wrong,)


def test_a_step_that_was_only_proposed_is_no_effect() -> None:
    known = case(incident(proposed=(replace(RESTART, status="proposed"),))).as_json()
    assert known["proposal"]["right"]
    assert known["effects"] == {"applied": [], "right": False, "unneeded": 0}


def test_the_summary_counts_faults_and_benign_apart() -> None:
    benign = case(incident(actions=(RESTART,)), fault="scale_down")
    summary = summarise(None, [case(incident()), case(), benign])
    assert (summary["faults"], summary["noticed"], summary["median_delay_s"]) == (2, 1, 10.0)
    assert (summary["benign"], summary["benign_with_incidents"], summary["benign_with_effects"]) == (1, 1, 1)
    assert summary["incidents_per_fault"] == 0.5


def test_a_case_that_went_wrong_is_named_and_not_counted() -> None:
    summary = summarise(None, [case(incident(), error="no visitor was hurt")])
    assert summary["faults"] == 0
    assert summary["not_counted"] == ["redis_stopped: no visitor was hurt"]


def test_every_incident_of_normal_life_is_false() -> None:
    life = Life(300.0, 0.0, (incident(actions=(RESTART,)),), (Firing("RedisDown", "redis", BEGAN),))
    report = document(life, [], {})
    assert report["life"]["false_incidents"] == ["web: web fails (RESOLVED)"]
    assert (report["summary"]["life_effects"], report["summary"]["baseline"]["life_false_alerts"]) == (1, 1)


def test_the_baseline_is_the_first_alert_and_whom_it_names() -> None:
    fired = (Firing("RedisDown", "redis", BEGAN + 9.0), Firing("HighErrorRate", "web", BEGAN + 70.0))
    judged = replace(case(), alerts=fired)
    assert judged.baseline_right
    assert not replace(judged, alerts=fired[1:]).baseline_right
    assert judged.as_json()["baseline"]["delay_s"] == 9.0


@pytest.mark.parametrize(
    ("labels", "entity"),
    [({"job": "redis", "instance": "127.0.0.1:9121"}, "redis"), ({"service": "web", "job": "x"}, "web"), ({}, "")],
)
def test_an_alert_names_a_service_before_a_job_before_an_instance(labels: dict[str, str], entity: str) -> None:
    assert entity_of(labels) == entity


def test_an_alert_is_noted_when_it_begins_to_fire_and_again_when_it_fires_again() -> None:
    watch = AlertWatch("http://127.0.0.1:1")
    pending: list[dict[str, object]] = [{"state": "pending", "labels": {"alertname": "RedisDown", "job": "redis"}}]
    firing: list[dict[str, object]] = [{**pending[0], "state": "firing"}]
    for at, told in enumerate((pending, firing, firing, [], firing)):
        watch.note(told, float(at))
    assert watch.begun == [Firing("RedisDown", "redis", 1.0), Firing("RedisDown", "redis", 4.0)]
    assert watch.between(0.0, 4.0) == (Firing("RedisDown", "redis", 1.0),)


def test_pain_is_the_time_that_visitors_were_hurt() -> None:
    seen = view((BEGAN - 5, False), (BEGAN + 2, True), (BEGAN + 4, False), (BEGAN + 5, True), (BEGAN + 9, False))
    assert pain(seen, BEGAN, BEGAN + 10) == pytest.approx(4.0)


def test_a_fault_that_goes_on_after_it_was_undone_does_not_hold() -> None:
    proof = Proof("redis_stopped", benign=False, hurt_after_s=1.0, was_active=True, well_after_s=2.0)
    assert proof.holds
    assert not replace(proof, still_active=True).holds
    assert not replace(proof, hurt_after_s=None).holds
    assert not replace(proof, error="refused").holds


def test_what_is_benign_holds_only_while_nobody_is_hurt() -> None:
    assert Proof("scale_down", benign=True).holds
    assert not Proof("scale_down", benign=True, pain_s=20.0).holds
