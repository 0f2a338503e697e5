"""Scenarios as people write them."""

import random

import pytest

from akeso.domain.errors import InvalidInput
from akeso.worlds.scenarios.document import read_scenario
from akeso.worlds.scenarios.library import scenarios
from akeso.worlds.scenarios.timing import filled, nanoseconds, written
from akeso.worlds.scenarios.values import Value, value

SECOND = 10**9
START = 1_893_456_000 * SECOND  # 2030


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), (7, 7), ("1.5m", 90)]
)
def test_durations_are_read(text: object, seconds: float) -> None:
    assert nanoseconds(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "5", "m5", "5 minutes", True, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="no duration"):
        nanoseconds(text)


def test_durations_are_written_as_people_do() -> None:
    assert [written(nanoseconds(text)) for text in ("90s", "5m", "0s", "250ms")] == ["1m30s", "5m", "0s", "0.25s"]


def test_instants_and_names_are_filled_in_everywhere() -> None:
    body = {"at": "@5m", "ns": "@1s:ns", "back": "@-1m:s", "list": ["host-{n}", "since @0s"], "number": 4}
    assert filled(body, START, {"n": "7"}) == {
        "at": "2030-01-01T00:05:00Z",
        "ns": START + SECOND,
        "back": START // SECOND - 60,
        "list": ["host-7", "since 2030-01-01T00:00:00Z"],
        "number": 4,
    }


@pytest.mark.parametrize(
    ("text", "read"),
    [(20, Value(20, 20)), ("20±3", Value(20, 20, 3)), ("20 +- 3", Value(20, 20, 3)), ("20→200", Value(20, 200))],
)
def test_values_are_read(text: object, read: Value) -> None:
    assert value(text) == read


def test_silence_is_a_value() -> None:
    assert value("silent").silent


def test_a_value_goes_from_one_to_the_other_and_never_below_nothing() -> None:
    chance = random.Random(1)
    assert Value(20, 200).at(0.5, chance) == 110
    assert min(Value(1, 1, 5).at(0, chance) for _ in range(100)) == 0


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("lasts: 5", "must"),
        ("lasts: soon\nmust: [{incident: {}}]", "lasts"),
        ("lasts: 5m\nmust: [{incident: {about: a, abuot: b}}]", "must.0.incident.abuot"),
        ("lasts: 5m\nmust: [{incident: {}, effect: {}}]", "must.0"),
        ("lasts: 5m\nmust: [{incident: {}}]\nhappens: [{at: 1m}]", "happens.0"),
        ("lasts: 5m\nmust: [{incident: {}}]\nsenders: [{every: 1s, values: {}}]", "senders.0"),
    ],
)
def test_what_is_misspelt_is_refused_with_its_place(change: str, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_scenario(f"title: a\nline: b\n{change}", "some.yaml")
    assert "some.yaml" in str(refused.value)
    if place != "must":
        assert place in str(refused.value)


def test_every_scenario_that_ships_is_read() -> None:
    assert len(scenarios()) >= 30
