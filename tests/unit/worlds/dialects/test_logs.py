"""Log lines by every way that they are told."""

import numpy as np
import pytest

from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard
from akeso.worlds.delivery import Delivery, Teller
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.json_logs import JsonLogOptions, JsonLogs
from akeso.worlds.dialects.loki import Loki, LokiOptions
from akeso.worlds.dialects.otel_logs import LogOptions, OtelLogs
from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.happening import Level, Line, Thrown

THROWN = Thrown("KeyError", "28", "Traceback (most recent call last):\n  File x\nKeyError: 28")


def assignment() -> Assignment:
    return Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3))


def lines(world: SmallWorld) -> list[Line]:
    """A line of each service that runs, with all that a line can have."""
    found = []
    for row, instance in enumerate(world.census.instances):
        if world.census.services[instance.service].name != "bank":
            template, words = "order {id} failed at {host}", {"id": "41", "host": "db"}
            found.append(Line(world.now + 1, row, Level.ERROR, "shop", template, words, THROWN, 77, 78))
    return found


def requests(teller: Teller, world: SmallWorld, ticks: int = 8) -> list[Delivery]:
    """What a teller sends of some ticks."""
    found: list[Delivery] = []
    for _ in range(ticks):
        observation = world.tick(*lines(world))
        teller.observe(observation)
        found += teller.due(observation.end)
    return found


def told(teller: Teller, world: SmallWorld) -> Heard:
    """What is heard of some ticks."""
    ear = Ear()
    ear.hear(requests(teller, world))
    return ear.heard


def every() -> list[Teller]:
    """Every way."""
    return [
        OtelLogs(assignment(), LogOptions()),
        OtelLogs(assignment(), LogOptions(source="files", lines="plain")),
        OtelLogs(assignment(), LogOptions(source="files", lines="json")),
        Loki(assignment(), LokiOptions(shipper="promtail", lines="json")),
        Loki(assignment(), LokiOptions(shipper="alloy", level=True)),
        JsonLogs(assignment(), JsonLogOptions()),
    ]


@pytest.mark.parametrize("teller", every(), ids=lambda teller: type(teller).__name__)
def test_every_line_arrives_once_with_its_service(teller: Teller) -> None:
    heard = told(teller, SmallWorld(rate=1))
    counts: dict[str, int] = {}
    for block in heard.logs:
        counts[block.service] = counts.get(block.service, 0) + len(block)

    assert set(counts) == {each.name for each in ESTATE.services} - {"bank"}
    assert 12 <= counts["cart"] <= 16
    assert all("order 41 failed at db" in body for block in heard.logs for body in block.body)


@pytest.mark.parametrize("teller", every(), ids=lambda teller: type(teller).__name__)
def test_lines_leave_when_they_are_due_and_not_before_they_were_written(teller: Teller) -> None:
    for delivery in requests(teller, SmallWorld(rate=1)):
        assert START < delivery.at <= START + 8 * 10**9


def test_records_of_sdks_know_their_trace_and_exception() -> None:
    block = told(OtelLogs(assignment(), LogOptions()), SmallWorld(rate=1)).logs[0]

    assert set(block.trace.tolist()) == {77}
    assert set(block.severity.tolist()) == {17}
    assert "KeyError" in block.body[0]


def test_a_shippers_levels_are_read_from_metadata_or_line() -> None:
    blocks = told(Loki(assignment(), LokiOptions(level=True)), SmallWorld(rate=1)).logs

    assert {severity for block in blocks for severity in block.severity.tolist()} == {17}


def test_lines_of_who_is_not_heard_stay_where_they_are() -> None:
    world = SmallWorld(rate=1)
    world.unheard = set(world.rows("cart"))

    assert "cart" not in {block.service for block in told(JsonLogs(assignment(), JsonLogOptions()), world).logs}
