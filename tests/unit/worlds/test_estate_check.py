"""A world that does not hold together is refused by the field."""

import pytest

from akeso.domain.errors import InvalidInput
from akeso.worlds.document import read_world
from akeso.worlds.estate.generator import generate
from akeso.worlds.estate.service import ServiceKind

PAIR = """
world: two
services:
  - {name: a, operations: [{name: x, calls: [{to: b}]}]}
  - {name: b, operations: [{name: y}]}
traffic: [{to: a, rate: 5}]
"""


def refused(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_world(text)
    return caught.value.field


def test_a_short_file_is_a_world() -> None:
    spec = read_world(PAIR)
    assert [s.name for s in spec.estate.services] == ["a", "b"]
    assert spec.estate["a"].operations[0].calls[0].operation == "y"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("to: b", "to: c", "services.a.operations.x.calls.0.to"),
        ("{name: y}", "{name: y, cpu_ms: fast}", "services.1.operations.0.cpu_ms"),
        ("{name: y}", "{name: y, cpu: 3}", "services.1.operations.0.cpu"),
        ("{name: y}", "{name: y, calls: [{to: a}]}", "services.a.operations.x.calls"),
        ("name: b", "name: a", "services"),
        ("rate: 5", "rate: -1", "traffic.0.rate"),
        ("to: a, rate", "to: z, rate", "traffic.0.to"),
    ],
    ids=["unknown callee", "wrong type", "unknown key", "circle", "name twice", "negative rate", "unknown target"],
)
def test_a_mistake_is_named_by_its_field(old: str, new: str, field: str) -> None:
    assert refused(PAIR.replace(old, new)).startswith(field)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("{at: 1m, happens: nonsense}", "events.0.happens"),
        ("{at: 1m, happens: crash, to: nobody}", "events.0.to"),
        ("{at: soon, happens: crash}", "events.0.at"),
    ],
)
def test_an_event_that_cannot_be_is_named(event: str, field: str) -> None:
    assert refused(f"{PAIR}events: [{event}]\n") == field


def test_a_file_with_neither_services_nor_a_size_is_refused() -> None:
    assert refused("world: nothing") == "world"


@pytest.mark.parametrize("size", [5, 20, 60])
def test_a_drawn_system_has_the_size_that_was_asked_for(size: int) -> None:
    assert len(generate(3, size).services) == size


def test_the_same_seed_draws_the_same_system() -> None:
    assert generate(5, 30) == generate(5, 30)
    assert generate(5, 30) != generate(6, 30)


def test_a_drawn_system_has_what_systems_have() -> None:
    kinds = {service.kind for service in generate(2, 40).services}
    assert kinds == set(ServiceKind)


def test_a_size_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="services: 3"):
        generate(1, 3)
