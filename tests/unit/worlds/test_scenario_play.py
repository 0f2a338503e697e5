"""Living through a scenario, and judging what came of it."""

import pytest

from akeso.domain.errors import InvalidInput
from akeso.worlds.scenarios.document import read_scenario
from akeso.worlds.scenarios.judging import judge
from akeso.worlds.scenarios.outcome import Outcome
from akeso.worlds.scenarios.play import play

PAGE = """
title: a page
line: it is somebody's word
lasts: 20s
people: {ann: operator}
happens:
  - at: 5s
    alert: {labels: {alertname: Down, service: cart, severity: critical}}
  - at: 8s
    request: {as: ann, method: GET, path: "/api/v1/incidents/{incident:cart}", name: shown}
"""


def came_of(text: str) -> tuple[Outcome, list[str]]:
    scenario = read_scenario(text, "test")
    outcome = play(scenario)
    return outcome, [str(each) for each in judge(scenario, outcome)]


@pytest.mark.parametrize(
    "condition",
    [
        "must: [{incident: {about: cart, title: down, alerts: 1}, after: 5s, within: 3s, count: 1}]",
        "must: [{answer: {to: shown, status: 200, says: [cart, Down]}}]",
        "must_not: [{incident: {}, by: 4s}, {effect: {}}, {incident: {about: pay}}]",
        "must: [{incident: {says: IncidentDetected}}]",
    ],
)
def test_what_holds_is_not_told(condition: str) -> None:
    assert came_of(PAGE + condition)[1] == []


@pytest.mark.parametrize(
    "condition",
    [
        "must: [{incident: {about: pay}}]",
        "must: [{incident: {}, count: 2}]",
        "must: [{incident: {}, after: 10s}]",
        "must: [{effect: {action: restart}}]",
        "must: [{answer: {to: shown, status: 404}}]",
        "must_not: [{incident: {about: [cart, pay]}}]",
    ],
)
def test_what_does_not_hold_is_told_with_what_there_was(condition: str) -> None:
    broken = came_of(PAGE + condition)[1]
    assert len(broken) == 1
    assert "cart" in broken[0] or "nothing was done" in broken[0]


def test_the_same_scenario_writes_the_same_journal() -> None:
    text = PAGE + "must: [{incident: {}}]"
    assert came_of(text)[0].journal == came_of(text)[0].journal != b""


def test_a_decision_where_nothing_waits_is_an_error() -> None:
    text = PAGE.replace("operator", "approver").split("happens")[0]
    text += "must: [{incident: {}}]\nhappens: [{at: 1s, approve: {as: ann}}]"
    with pytest.raises(InvalidInput, match="nothing waits for ann"):
        came_of(text)


def test_an_effect_ends_the_phase_that_it_ends() -> None:
    text = """
title: a
line: b
lasts: 30s
bound: [pay]
senders:
  - {simple: cart, values: {latency: 20, error_rate: 0}}
  - {simple: web, values: {latency: 20, error_rate: 0}}
  - simple: pay
    values: {latency: 20, error_rate: 0}
    then: [{at: 10s, values: {latency: 900, error_rate: 0.5}, ended_by: restart}]
must: [{effect: {action: restart, target: pay}, count: 1}, {incident: {about: pay, status: RESOLVED}}]
"""
    assert came_of(text)[1] == []
