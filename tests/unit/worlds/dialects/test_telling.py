"""Who tells of a world, as its YAML says or as chance has it."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from akeso.domain.errors import InvalidInput
from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard
from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.drawing import draw_telling
from akeso.worlds.dialects.registry import dialects
from akeso.worlds.dialects.telling import DEFAULT, tellers
from akeso.worlds.happening import Level, Line
from akeso.worlds.spec import WorldSpec


def sent(telling: Mapping[str, Any], ticks: int, seed: int = 5, rate: int = 2) -> list[Delivery]:
    """Everything that a telling sends of some ticks, in the order of its arrival."""
    world, found = SmallWorld(rate=rate), list[Delivery]()
    spoken = tellers(WorldSpec("small", ESTATE, START, telling=telling), seed)
    for _ in range(ticks):
        observation = world.tick(Line(world.now, 2, Level.INFO, "app", "hello"))
        for teller in spoken:
            teller.observe(observation)
            found += teller.due(observation.end)
    return sorted(found, key=lambda each: each.at)


def told(telling: Mapping[str, Any], ticks: int, **more: int) -> Heard:
    ear = Ear()
    ear.hear(sent(telling, ticks, **more))
    return ear.heard


def one(dialect: str, **more: object) -> dict[str, Any]:
    return {"senders": [{"dialect": dialect, **more}]}


def test_a_world_that_says_nothing_of_it_is_told_by_the_usual_tools() -> None:
    heard = told({}, 70)

    assert {"http.server.request.duration", "node_cpu_seconds_total", "pg_up"} <= heard.metrics
    assert heard.spans
    assert heard.logs


@pytest.mark.parametrize("name", sorted(dialects()))
def test_every_dialect_can_be_asked_for_by_name(name: str) -> None:
    assert len(tellers(WorldSpec("small", ESTATE, START, telling=one(name)), 1)) == 1


@pytest.mark.parametrize("seed", range(12))
def test_whatever_chance_sets_up_is_taken_in_whole(seed: int) -> None:
    telling = draw_telling(seed, ESTATE)

    assert telling == draw_telling(seed, ESTATE)
    assert told(telling, 35, seed=seed, rate=1).intakes


def test_services_are_chosen_by_name_and_kind() -> None:
    heard = told(one("otel_metrics", services=["c*", "orders"], kinds=["web"], every_s=5), 12)

    assert {key.service for key in heard.points("process.memory.usage")} == {"cart"}


def test_the_cadence_is_what_was_asked_for() -> None:
    found = told(one("prometheus", every_s=1), 20).points("pg_up")

    (points,) = found.values()
    assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(points)} == {10**9}


@pytest.mark.parametrize(
    ("telling", "field"),
    [
        ({"voices": []}, "telling.voices"),
        (one("smoke_signals"), "telling.senders[0].dialect"),
        (one("otel_traces", options={"share": 2}), "telling.senders[0].options.share"),
        (one("otel_traces", services=["nobody"]), "telling.senders[0].services"),
        (one("otel_traces", every_s=0), "telling.senders.0.every_s"),
    ],
)
def test_a_mistake_is_named(telling: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        tellers(WorldSpec("small", ESTATE, START, telling=telling), 1)

    assert refused.value.field == field


def test_requests_are_late_lost_and_doubled_as_told() -> None:
    calm = sent(one("otel_logs"), 30)
    noise = {"jitter_s": 0.5, "lost": 0.3, "twice": 0.3}
    wild = sent(one("otel_logs", disturbance=noise), 30)

    bodies = [each.body for each in wild]
    assert len(set(bodies)) < len({each.body for each in calm})
    assert len(bodies) > len(set(bodies))


def test_a_sender_that_pauses_leaves_a_gap() -> None:
    found = sent(one("otel_logs", disturbance={"pauses_an_hour": 120, "pause_s": 20}), 180)

    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(found)]
    assert max(gaps) > 15 * 10**9


def test_the_same_seed_tells_the_same_bytes_and_another_one_does_not() -> None:
    assert sent(DEFAULT, 20, seed=1) == sent(DEFAULT, 20, seed=1)
    assert sent(DEFAULT, 20, seed=1) != sent(DEFAULT, 20, seed=2)


def test_agents_tell_of_machines_and_pods_in_opentelemetrys_names() -> None:
    heard = told(one("otel_infrastructure", every_s=10), 25)

    assert {"system.cpu.time", "system.memory.usage", "k8s.pod.cpu.usage", "container.memory.rss"} <= heard.metrics
