from dataclasses import replace
from typing import Any

import pytest

from akeso.lab.faults.register import FAULTS
from akeso.lab.scoring.akeso_client import Incident, oldest_first
from akeso.lab.scoring.report import Calm, Case, Seen, document, summarise

INJECTED = 1_700_000_000.0


def incident(**changes: Any) -> Incident:
    raw = {
        "id": "i1",
        "status": "RESOLVED",
        "severity": "high",
        "service": "cart",
        "title": "cart is slow",
        "onset_at": "2023-11-14T22:13:22Z",
        "detected_at": "2023-11-14T22:13:23Z",
        "resolved_at": None,
        "hypotheses": [
            {"service": "cart", "fault_class": "memory_leak", "confidence": 0.8, "evidence": []},
            {"service": "frontend", "fault_class": "latency_degradation", "confidence": 0.1, "evidence": []},
            {"service": "cart", "fault_class": "cpu_saturation", "confidence": 0.05, "evidence": []},
        ],
        "actions": [action("restart", "cart")],
        "outcome": "recovered",
    }
    return Incident.of({**raw, **changes})


def action(name: str, target: str, status: str = "applied", *, dry_run: bool = False) -> dict[str, Any]:
    return {"id": "a", "action": name, "target": target, "status": status, "dry_run": dry_run, "applied_at": None}


def case(*incidents: Incident, healed_at: float | None = INJECTED + 12.5) -> Case:
    fault = FAULTS["memory_leak"]
    seen = Seen(INJECTED, INJECTED + 4.0, healed_at)
    return Case(fault, fault.drawn(1, 0, "cart"), 0, seen, incidents)


def test_a_case_says_what_was_expected_and_what_was_got() -> None:
    told = case(incident()).as_json()
    assert told["root_cause"] == {"expected": "cart", "ranked": ["cart", "frontend"]}
    assert told["fault_class"] == {"expected": "memory_leak", "got": "memory_leak"}
    assert told["actions"] == {"acceptable": ["restart"], "applied": [{"action": "restart", "target": "cart"}]}
    assert (told["delay_s"], told["time_to_heal_s"], told["hurt_after_s"]) == (3.0, 12.5, 4.0)
    assert (told["detected"], told["healed"], told["verdict"], told["confidence"]) == (True, True, "recovered", 0.8)
    assert told["unneeded_actions"] == 0


def test_a_case_without_an_incident_is_not_detected() -> None:
    told = case(healed_at=None).as_json()
    assert (told["detected"], told["healed"], told["delay_s"], told["time_to_heal_s"]) == (False, False, None, None)
    assert told["root_cause"]["ranked"] == []


@pytest.mark.parametrize(
    ("name", "target", "unneeded"),
    [("restart", "cart", 0), ("restart", "cart/cart_0", 0), ("restart", "frontend", 1), ("scale_out", "cart", 1)],
)
def test_an_action_counts_as_unneeded_by_kind_and_by_target(name: str, target: str, unneeded: int) -> None:
    assert len(case(incident(actions=[action(name, target)])).unneeded) == unneeded


@pytest.mark.parametrize("status", ["proposed", "denied", "failed", "previewed"])
def test_only_effects_that_happened_count(status: str) -> None:
    assert case(incident(actions=[action("restart", "cart", status)])).applied == ()


def test_a_dry_run_is_no_effect() -> None:
    assert case(incident(actions=[action("restart", "cart", dry_run=True)])).applied == ()


def test_the_effects_of_every_incident_of_a_case_count() -> None:
    second = incident(id="i2", actions=[action("restart", "orders")])
    both = case(incident(), second)
    assert both.as_json()["incidents_opened"] == 2
    assert both.unneeded == (("restart", "orders"),)


def test_incidents_are_taken_from_the_injection_on_and_oldest_first() -> None:
    late, early = incident(id="late"), replace(incident(id="early"), detected_at=INJECTED + 1)
    before = replace(incident(id="before"), detected_at=INJECTED - 1)
    assert [i.id for i in oldest_first([late, before, early], INJECTED)] == ["early", "late"]


def test_the_summary_counts_shares_and_medians() -> None:
    wrong = incident(
        hypotheses=[{"service": "orders", "fault_class": "crash", "confidence": 0.4, "evidence": []}], actions=[]
    )
    told = summarise(Calm(300.0, 1, 2), [case(incident()), case(wrong, healed_at=None)])
    assert (told["detected"], told["root_cause_first"], told["fault_class"]) == (1.0, 0.5, 0.5)
    assert (told["acceptable_action"], told["healed"], told["cases_with_unneeded_actions"]) == (0.5, 0.5, 0.0)
    assert (told["median_delay_s"], told["median_time_to_heal_s"]) == (3.0, 12.5)
    assert (told["false_incidents"], told["unneeded_actions"]) == (1, 2)


def test_a_report_without_cases_has_no_shares() -> None:
    told = document(None, [], {"seed": 1})
    assert told["summary"]["detected"] is None
    assert told["calm"] is None
