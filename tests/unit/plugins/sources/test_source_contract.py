"""Every source, whatever comes: an intake that holds together, or InvalidInput."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.plugins.discovery import build
from akeso.ports.source import Intake, Source
from akeso.testing.requests.sources import refuses_when_full, request_to, taken_or_refused
from akeso.testing.requests.valid_requests import JSON, examples

SOURCES: dict[str, Source] = build("sources")
EXAMPLES = 60
VALID = examples()
NAMES = [f"{name}-{kind.split('/')[1].split('=')[-1]}" for name, kind, _ in VALID]
each_example = pytest.mark.parametrize(("name", "content_type", "body"), VALID, ids=NAMES)


def mutated(body: bytes, places: list[tuple[float, int, bytes]]) -> bytes:
    """`body` with pieces cut out and others put in."""
    for share, cut, piece in places:
        at = round(share * len(body))
        body = body[:at] + piece + body[at + cut :]
    return body


PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b"null", b"-1", b"1e400", b"[", b"{", b'"', b"\\ud800", b"99999999999999999999", b"\xff", b"NaN"]),
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), PIECES), min_size=1, max_size=4)


@each_example
def test_a_valid_body_is_taken(name: str, content_type: str, body: bytes) -> None:
    source = SOURCES[name]
    taken = taken_or_refused(source, request_to(source.paths[0], body, content_type))
    assert isinstance(taken, Intake)
    assert len(taken.batch) + len(taken.alerts) > 0


@each_example
@settings(max_examples=EXAMPLES)
@given(edits=EDITS)
def test_a_damaged_body_is_taken_or_refused(
    name: str, content_type: str, body: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    source = SOURCES[name]
    taken_or_refused(source, request_to(source.paths[0], mutated(body, edits), content_type))


@each_example
@settings(max_examples=EXAMPLES)
@given(noise=st.binary(max_size=200))
def test_noise_is_taken_or_refused(name: str, content_type: str, body: bytes, noise: bytes) -> None:
    source = SOURCES[name]
    taken_or_refused(source, request_to(source.paths[0], noise, content_type))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("name", "body"), [(name, body) for name, kind, body in VALID if kind == JSON])
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_any_value_in_any_place_is_taken_or_refused(name: str, body: bytes, data: st.DataObject) -> None:
    tree = json.loads(body.splitlines()[0])
    replace_somewhere(tree, data)
    source = SOURCES[name]
    taken_or_refused(source, request_to(source.paths[0], json.dumps(tree).encode(), JSON))


def replace_somewhere(tree: object, data: st.DataObject) -> None:
    while True:
        places: list[object] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))  # type: ignore[arg-type]
        place = data.draw(st.sampled_from(places))
        child = tree[place]  # type: ignore[index]
        if not (isinstance(child, dict | list) and child) or data.draw(st.booleans()):
            tree[place] = data.draw(JSON_VALUES)  # type: ignore[index]
            return
        tree = child


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"resourceLogs":['], ids=["lists", "maps", "both"])
def test_a_body_nested_too_deep_is_refused(name: str, opening: bytes) -> None:
    source = SOURCES[name]
    taken = taken_or_refused(source, request_to(source.paths[0], opening * 100_000))
    assert not isinstance(taken, Intake)


def test_a_value_nested_too_deep_in_a_log_is_refused() -> None:
    value = b'{"arrayValue":{"values":[' * 60 + b"{}" + b"]}}" * 60
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":' + value + b"}]}]}]}"
    taken = taken_or_refused(SOURCES["otlp_logs"], request_to("/v1/logs", body))
    assert not isinstance(taken, Intake)


@pytest.mark.parametrize("name", SOURCES)
def test_a_sender_is_told_to_come_back_when_there_is_no_room(name: str) -> None:
    assert refuses_when_full(SOURCES[name], request_to(SOURCES[name].paths[0], b""))


def test_no_two_sources_share_a_path() -> None:
    paths = [path for source in SOURCES.values() for path in source.paths]
    assert len(paths) == len(set(paths))
