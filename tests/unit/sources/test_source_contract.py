"""Every source, whatever comes: an intake that holds together, or InvalidInput."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.plugins.discovery import build
from akeso.ports.source import Intake, Source
from akeso.testing import wire
from akeso.testing.otlp import Metrics, as_json, logs_request, trace_request
from akeso.testing.remote_write import (
    AT_MS,
    FIRST,
    SECOND,
    SecondRequest,
    first_request,
    first_series,
    native_histogram,
)
from akeso.testing.sources import refuses_when_full, request_to, taken_or_refused

SOURCES: dict[str, Source] = build("sources")
JSON, PROTOBUF = "application/json", "application/x-protobuf"
EXAMPLES = 60


def otlp_examples() -> Iterator[tuple[str, str, bytes]]:
    metrics = Metrics({"service.name": "cart", "service.instance.id": "1"})
    metrics.gauge("g", 1.5, {"a": "b"})
    metrics.sum("s", 7)
    metrics.histogram("h", [1, 2], [0.5])
    metrics.summary("q", 2, 3.0, {0.5: 1.0})
    metrics.exponential("e", 2, 3.0)
    logs = logs_request({"service.name": "cart"}, {"body": "x", "trace_id": b"t" * 16, "attributes": {"k": 2}})
    span = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "kind": 3, "attributes": {"peer.service": "p"}}
    requests = {"otlp_metrics": metrics.request, "otlp_logs": logs, "otlp_traces": trace_request({}, span)}
    for name, request in requests.items():
        yield name, JSON, as_json(request)
        yield name, PROTOBUF, request.SerializeToString()


def plain_examples() -> Iterator[tuple[str, str, bytes]]:
    event = {
        "component": "c",
        "latency": 500,
        "error_rate": 0.5,
        "timestamp": 1.0,
        "message": "m",
        "labels": {"a": "b"},
    }
    alert = {"status": "firing", "labels": {"service": "c"}, "startsAt": "2026-03-01T12:00:00Z", "fingerprint": "f"}
    change = {"service": "c", "kind": "deploy", "at": 17e8, "labels": {"a": "b"}}
    line = {"service": "c", "message": "m", "level": "warn", "timestamp": "2026-03-01T12:00:00Z", "trace_id": "ab" * 16}
    yield "simple_event", JSON, json.dumps(event).encode()
    yield "alertmanager", JSON, json.dumps({"version": "4", "alerts": [alert]}).encode()
    yield "change_events", JSON, json.dumps([change, change]).encode()
    yield "json_logs", JSON, "\n".join([json.dumps(line)] * 2).encode()


def remote_write_examples() -> Iterator[tuple[str, str, bytes]]:
    labels = {"__name__": "m", "job": "a"}
    histogram = native_histogram(3, 4.5, 0, [(1, 2)], [2, -1])
    exemplar = wire.double(2, 1.0) + wire.number(3, AT_MS)
    first = first_series(labels, [(AT_MS, 1.0)]), first_series(labels, more=wire.text(3, exemplar))
    body = first_request(*first, first_series(labels, more=wire.text(4, histogram)), metadata={"m": 2})
    yield "remote_write", FIRST, body
    second = SecondRequest().add(labels, [(AT_MS, 1.0)], kind=2, unit="bytes").add(labels, [(AT_MS, 0.0)] * 2)
    yield "remote_write", SECOND, bytes(second.add_raw(labels, wire.text(3, histogram) + wire.text(4, exemplar)))


def loki_examples() -> Iterator[tuple[str, str, bytes]]:
    metadata = {"level": "warn", "trace_id": "ab" * 16}
    value = [str(AT_MS * 1_000_000), "line", metadata]
    yield "loki_push", JSON, json.dumps({"streams": [{"stream": {"app": "c"}, "values": [value]}]}).encode()
    pairs = b"".join(wire.text(3, wire.text(1, name) + wire.text(2, text)) for name, text in metadata.items())
    entry = wire.text(1, wire.number(1, AT_MS // 1000) + wire.number(2, 7)) + wire.text(2, "line") + pairs
    yield "loki_push", PROTOBUF, wire.text(1, wire.text(1, r'{app="c", b="\n"}') + wire.text(2, entry))


def event_examples() -> Iterator[tuple[str, str, bytes]]:
    payload = {"summary": "s", "source": "h", "severity": "info", "timestamp": "2026-03-01T12:00:00Z", "component": "c"}
    detailed = {**payload, "custom_details": {"a": [1]}}
    trigger = {"event_action": "trigger", "dedup_key": "k", "payload": detailed}
    yield "pagerduty_events", JSON, json.dumps(trigger).encode()
    event = {"specversion": "1.0", "id": "1", "source": "/c", "type": "a.alert", "time": "2026-03-01T12:00:00Z"}
    data = {"severity": "high", "subject": {"id": "x", "content": {"artifactId": "a@b"}}}
    told = {**event, "subject": "s", "data": data}
    yield "cloud_events", JSON, json.dumps(told).encode()
    batch = [{**event, "type": kind, "data": {"message": "m"}} for kind in ("a.deploy", "b")]
    yield "cloud_events", "application/cloudevents-batch+json", json.dumps(batch).encode()


VALID = [
    *otlp_examples(),
    *plain_examples(),
    *remote_write_examples(),
    *loki_examples(),
    *event_examples(),
]
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


def test_every_source_has_an_example() -> None:
    assert {name for name, _, _ in VALID} == SOURCES.keys()


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
