"""Alerts, changes and events, as people's tools send them."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from akeso.domain.detection.anomaly import AlertStatus
from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard
from akeso.worlds.answers import Answer
from akeso.worlds.delivery import Delivery, Teller
from akeso.worlds.dialects.alerting.rule import FiringAlert
from akeso.worlds.dialects.alertmanager import Alertmanager, AlertmanagerOptions
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.changes import ChangeOptions, Changes
from akeso.worlds.dialects.kubernetes_events import EventOptions, KubernetesEvents
from akeso.worlds.dialects.pagerduty import Pagerduty
from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.happening import Changed, Orchestrated

ROUTE = {"group_wait_s": 5, "group_interval_s": 20, "repeat_interval_s": 100}


def assignment() -> Assignment:
    return Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3), 5.0)


def requests(
    teller: Teller, world: SmallWorld, ticks: int, each: Callable[[int], None] = lambda _: None
) -> list[Delivery]:
    """What a teller sends of some ticks; `each` is told the second before it."""
    found: list[Delivery] = []
    for second in range(ticks):
        each(second)
        observation = world.tick()
        teller.observe(observation)
        found += teller.due(observation.end)
    return found


def heard(deliveries: list[Delivery]) -> Heard:
    ear = Ear()
    ear.hear(deliveries)
    return ear.heard


def down_between(world: SmallWorld, service: str, first: int, last: int) -> Callable[[int], None]:
    def each(second: int) -> None:
        world.down = set(world.rows(service)) if first <= second < last else set()

    return each


def test_a_database_that_is_down_is_an_alert_that_ends() -> None:
    world = SmallWorld(rate=1)
    teller = Alertmanager(assignment(), AlertmanagerOptions.model_validate({"route": ROUTE}))
    found = requests(teller, world, 70, down_between(world, "database", 5, 30))

    alerts = [each for each in heard(found).alerts if each.title.startswith("Postgresql down")]
    assert [each.status for each in alerts] == [AlertStatus.FIRING, AlertStatus.RESOLVED]
    assert len({each.fingerprint for each in alerts}) == 1
    body = json.loads(found[0].body)
    assert body["groupLabels"] == {"alertname": body["alerts"][0]["labels"]["alertname"]}
    assert body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"


def test_an_alert_that_lasts_is_repeated() -> None:
    world = SmallWorld(rate=1)
    options = AlertmanagerOptions.model_validate({"route": ROUTE, "rules": ["RedisDown"]})
    found = requests(Alertmanager(assignment(), options), world, 150, down_between(world, "cache", 1, 1000))

    assert len(found) == 2
    assert 100 <= (found[1].at - found[0].at) / 1e9 <= 120


def test_rules_wait_as_long_as_they_say() -> None:
    world = SmallWorld(rate=1)
    options = AlertmanagerOptions.model_validate({"route": ROUTE, "rules": ["TargetDown"]})
    teller = Alertmanager(assignment(), options)

    assert not requests(teller, world, 590, down_between(world, "stock", 0, 10_000))
    assert len(requests(teller, world, 60, down_between(world, "stock", 0, 10_000))) == 1


def test_two_alertmanagers_tell_the_same_alert_twice() -> None:
    world = SmallWorld(rate=1)
    options = AlertmanagerOptions.model_validate({"route": ROUTE, "rules": ["RedisDown"], "replicas": 2})
    found = heard(requests(Alertmanager(assignment(), options), world, 40, down_between(world, "cache", 1, 1000)))

    assert len(found.alerts) == 2
    assert len({each.fingerprint for each in found.alerts}) == 1
    assert len({each.starts_at for each in found.alerts}) == 2


def test_services_that_fail_their_callers_are_told_of() -> None:
    world = SmallWorld(rate=5)
    world.answers["orders"] = Answer.FAILED
    options = AlertmanagerOptions.model_validate({"route": ROUTE, "rules": ["HighErrorRate"], "shorter": 0.1})
    found = heard(requests(Alertmanager(assignment(), options), world, 80))

    assert {each.service for each in found.alerts} == {"orders"}


def test_normal_life_raises_nothing() -> None:
    options = AlertmanagerOptions.model_validate({"route": ROUTE, "shorter": 0.01})

    assert not requests(Alertmanager(assignment(), options), SmallWorld(rate=3), 90)


def test_the_watchdog_fires_where_it_is_routed_here() -> None:
    options = AlertmanagerOptions.model_validate({"route": ROUTE, "watchdog": True, "shorter": 0.01})

    assert len(requests(Alertmanager(assignment(), options), SmallWorld(rate=1), 30)) == 1


def test_fingerprints_are_those_of_prometheus() -> None:
    # model.LabelSet{}.Fingerprint() of prometheus/common is the offset of FNV-1a.
    assert FiringAlert({}, {}, 0).fingerprint == "cbf29ce484222325"


def test_pagerduty_is_told_of_beginning_and_end_by_one_key() -> None:
    world = SmallWorld(rate=1)
    teller = Pagerduty(assignment(), AlertmanagerOptions.model_validate({"route": ROUTE, "rules": ["PostgresqlDown"]}))
    found = requests(teller, world, 70, down_between(world, "database", 5, 30))

    assert [each.status for each in heard(found).alerts] == [AlertStatus.FIRING, AlertStatus.RESOLVED]
    assert len({json.loads(each.body)["dedup_key"] for each in found}) == 1


@pytest.mark.parametrize("form", ["changes", "cdevents", "pagerduty"])
def test_a_deploy_is_a_change_in_every_form(form: str) -> None:
    world, teller, ear = (
        SmallWorld(rate=1),
        Changes(assignment(), ChangeOptions.model_validate({"format": form})),
        Ear(),
    )
    told, kept = Changed(START + 1, "cart", "deploy", "1.2.0"), Changed(START + 1, "stock", "deploy", "2", told=False)
    for happenings in ([told, kept], [], [], []):
        observation = world.tick(*happenings)
        teller.observe(observation)
        ear.hear(teller.due(observation.end))

    assert [(each.service, each.kind, each.version) for each in ear.heard.changes] == [("cart", "deploy", "1.2.0")]


def test_events_of_the_orchestrator_are_records_of_their_objects() -> None:
    world, teller, ear = SmallWorld(rate=1), KubernetesEvents(assignment(), EventOptions()), Ear()
    pod = world.rows("cart")[0]
    events = (
        Orchestrated(START + 1, "cart", pod, "BackOff", "Back-off restarting failed container", normal=False),
        Orchestrated(START + 2, "cart", -1, "ScalingReplicaSet", "Scaled up replica set cart-1 to 3"),
        Orchestrated(START + 3, "", -1, "NodeNotReady", "Node node-a status is now: NodeNotReady", False, "node-a"),
    )
    for happenings in (events, (), ()):
        observation = world.tick(*happenings)
        teller.observe(observation)
        ear.hear(teller.due(observation.end))

    bodies = [body for block in ear.heard.logs for body in block.body]
    assert [event.message in body for event, body in zip(events, bodies, strict=True)] == [True] * 3
