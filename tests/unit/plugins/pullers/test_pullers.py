"""What each puller asks, and what it makes of the answers: the shapes that the systems document."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.domain.detection.anomaly import AlertStatus, Severity
from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.telemetry.batches import NANOSECONDS, SeriesKey, SpanKind, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import make
from akeso.plugins.pullers.alertmanager import Alertmanager
from akeso.plugins.pullers.jaeger import Jaeger
from akeso.plugins.pullers.loki import Loki
from akeso.plugins.pullers.prometheus import Prometheus
from akeso.ports.puller import Address, Puller, PullRequest, PullResult
from akeso.testing.pull import CannedEndpoint

T0 = 1_700_000_000 * NANOSECONDS
ADDRESS = Address("http://127.0.0.1:1")
ASKED = PullRequest("acme", T0, T0 + 60 * NANOSECONDS)


def canned(puller: Any, answers: Mapping[str, object]) -> CannedEndpoint:
    endpoint = puller._endpoint = CannedEndpoint(answers)
    return endpoint


def series(*values: tuple[float, str], **metric: str) -> dict[str, Any]:
    return {"metric": metric, "values": [list(value) for value in values]}


def matrix(*found: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(found)}}


async def ask(puller: Puller, table: SeriesTable | None = None, request: PullRequest = ASKED) -> PullResult:
    return await puller.pull(request, table if table is not None else SeriesTable())


@pytest.mark.parametrize("selector", ["up", 'up{job="cart"}', '{job=~"cart|stock"}'])
async def test_prometheus_is_asked_for_samples_as_they_were_scraped(selector: str) -> None:
    puller = Prometheus(ADDRESS, [selector], step=15.0)
    endpoint = canned(puller, {"/api/v1/query": matrix()})
    found = await ask(puller, request=PullRequest("acme", T0 + 11 * NANOSECONDS, T0 + 20 * NANOSECONDS))
    expected = {"query": f"{selector}[9000ms]", "time": T0 / NANOSECONDS + 20}
    assert [query for path, query in endpoint.queries if path == "/api/v1/query"] == [expected]
    assert found.step == 0


async def test_prometheus_is_asked_from_the_first_step_that_is_new() -> None:
    puller = Prometheus(ADDRESS, ["sum(up)"], step=15.0)
    endpoint = canned(puller, {"/api/v1/query_range": matrix()})
    await ask(puller)
    await ask(puller, request=PullRequest("acme", T0 + 11 * NANOSECONDS, T0 + 20 * NANOSECONDS))
    (query,) = (query for path, query in endpoint.queries if path == "/api/v1/query_range")
    # Steps are multiples of fifteen seconds of the epoch; the second request lies between two of them.
    assert query == {"query": "sum(up)", "start": 1_700_000_010.0, "end": 1_700_000_060.0, "step": 15.0}


async def test_prometheus_series_become_levels_counters_and_histograms() -> None:
    puller = Prometheus(ADDRESS, ["x"])
    found = [
        series((1_700_000_010, "3.5"), __name__="queue_length", job="cart", instance="a:1", zone="z"),
        series((1_700_000_010.125, "7"), (1_700_000_025, "9"), __name__="http_requests_total", job="cart"),
        series((1_700_000_010, "4"), __name__="http_request_duration_seconds_bucket", service="cart", le="0.1"),
    ]
    canned(puller, {"/api/v1/query": matrix(*found)})
    table = SeriesTable()
    block = (await ask(puller, table)).batch.metrics
    instance = ("service.instance.id", "a:1")
    assert list(table.keys) == [
        SeriesKey("acme", "cart", "queue_length", (instance, ("zone", "z"))),
        SeriesKey("acme", "cart", "http_requests_total", temporality=Temporality.CUMULATIVE),
        SeriesKey(
            "acme", "cart", "http_request_duration_seconds", (("le", "0.1"),), "s", Temporality.CUMULATIVE, "bucket"
        ),
    ]
    assert block.series.tolist() == [0, 1, 1, 2]
    assert block.value.tolist() == [3.5, 7.0, 9.0, 4.0]
    assert block.time[1] == T0 + 10_125_000_000


async def test_an_expression_is_called_what_the_settings_call_it() -> None:
    puller = Prometheus(ADDRESS, {"checkout_error_ratio": "sum by (service) (x) / sum by (service) (y)"})
    canned(puller, {"/api/v1/query_range": matrix(series((1_700_000_010, "NaN"), (1_700_000_025, "0.5"), service="c"))})
    table = SeriesTable()
    pulled = await ask(puller, table)
    assert [(key.service, key.metric) for key in table.keys] == [("c", "checkout_error_ratio")]
    assert pulled.batch.metrics.value.tolist() == [0.5]
    assert pulled.upto == ASKED.until


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "error", "errorType": "bad_data", "error": "parse error"},
        b"<html>",
    ],
)
async def test_what_is_no_matrix_is_refused(answer: object) -> None:
    puller = Prometheus(ADDRESS, ["x"])
    canned(puller, {"/api/v1/query": answer})
    with pytest.raises(InvalidInput):
        await ask(puller)


def stream(*values: Sequence[object], **labels: str) -> dict[str, Any]:
    return {"stream": labels, "values": list(values)}


def streams(*found: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "streams", "result": list(found)}}


async def test_loki_lines_keep_their_level_their_trace_and_their_instance() -> None:
    puller = Loki(ADDRESS, query='{app="cart"}', limit=100)
    more = {"level": "warn", "trace_id": "00000000000000000000000000000abc"}
    found = streams(stream([str(T0 + 1), "slow", more], [str(T0 + 2), "lost"], app="cart", level="error", pod="cart-1"))
    endpoint = canned(puller, {"/loki/api/v1/query_range": found})
    pulled = await ask(puller)
    (block,) = pulled.batch.logs
    assert (block.service, block.body, block.severity.tolist()) == ("cart", ("slow", "lost"), [13, 17])
    assert (block.trace.tolist(), block.attributes) == ([0xABC, 0], (("service.instance.id", "cart-1"),))
    assert block.time.tolist() == [T0 + 1, T0 + 2]
    expected = {"start": T0 + 1, "end": ASKED.until + 1, "limit": 100, "direction": "forward", "query": '{app="cart"}'}
    assert endpoint.queries == [("/loki/api/v1/query_range", expected)]


async def test_one_bad_line_or_stream_of_loki_costs_only_itself() -> None:
    puller = Loki(ADDRESS)
    good = stream([str(T0 + 1), "a"], ["noon", "b"], [str(T0 + 2), "c"], app="cart")
    canned(puller, {"/loki/api/v1/query_range": streams(good, {"stream": {"app": 7}, "values": []})})
    pulled = await ask(puller)
    assert [block.body for block in pulled.batch.logs] == [("a", "c")]
    assert {each.item for each in pulled.rejected} == {"data.result[1]", "values[1]"}
    assert pulled.upto == ASKED.until


async def test_what_prometheus_knows_of_types_comes_before_suffixes() -> None:
    puller = Prometheus(ADDRESS, ["x"])
    names = ("jobs_total", "took_count", "backends_count", "wait_seconds_count", "wait_seconds_sum")
    found = [series((1_700_000_010, "3"), __name__=name, job="cart") for name in names]
    types = {"jobs_total": [{"type": "gauge", "help": "", "unit": ""}], "took": [{"type": "summary"}]}
    canned(puller, {"/api/v1/query": matrix(*found), "/api/v1/metadata": {"status": "success", "data": types}})
    table = SeriesTable()
    await ask(puller, table)
    assert [(key.metric, key.stat, key.temporality is Temporality.GAUGE) for key in table.keys] == [
        ("jobs_total", "", True),
        ("took", "count", False),
        ("backends_count", "", True),
        ("wait_seconds", "count", False),
        ("wait_seconds", "sum", False),
    ]


async def test_prometheus_is_asked_for_types_now_and_then() -> None:
    puller = Prometheus(ADDRESS, ["x"])
    endpoint = canned(puller, {"/api/v1/query": matrix()})
    for minute in (0, 1, 11):
        since = T0 + minute * 60 * NANOSECONDS
        await ask(puller, request=PullRequest("acme", since, since + 60 * NANOSECONDS))
    assert [path for path, _ in endpoint.queries].count("/api/v1/metadata") == 2


async def test_one_bad_value_or_series_of_prometheus_costs_only_itself() -> None:
    puller = Prometheus(ADDRESS, ["x"])
    good = series((1_700_000_010, "many"), (1_700_000_025, "2"), __name__="x")
    histogram = {"metric": {"__name__": "h"}, "histograms": [[1_700_000_010, {"count": "1"}]]}
    canned(puller, {"/api/v1/query": matrix(good, {"metric": {}, "values": [["now", "1"]]}, histogram)})
    pulled = await ask(puller)
    assert pulled.batch.metrics.value.tolist() == [2.0]
    assert {each.field for each in pulled.rejected} == {"values", "values[0][0]", "[1].sum"}
    assert pulled.upto == ASKED.until


async def test_one_bad_span_of_jaeger_costs_only_itself() -> None:
    puller = Jaeger(ADDRESS, services=("cart",), dependencies=0)
    good = {"traceID": "ab", "spanID": "1", "processID": "p", "startTime": 1_700_000_000_000_000, "duration": 5}
    bad = [good | {"spanID": "2", "duration": 2**63}, good | {"spanID": "3", "traceID": "zz"}, 7]
    trace = {"spans": [*bad, good], "processes": {"p": {"serviceName": "cart"}}}
    canned(puller, {"/api/traces": {"data": [{"spans": 7}, trace]}})
    pulled = await ask(puller)
    (block,) = pulled.batch.spans
    assert (block.service, block.span.tolist()) == ("cart", [1])
    assert (len(pulled.rejected), pulled.upto) == (4, ASKED.until)


async def test_an_alert_that_cannot_be_read_costs_only_itself_and_ends_nothing() -> None:
    puller = Alertmanager(ADDRESS)
    held = {
        "labels": {"alertname": "Slow", "service": "cart"},
        "startsAt": "2026-03-01T12:00:00Z",
        "fingerprint": "f",
        "status": {"state": "active"},
    }
    endpoint = canned(puller, {"/api/v2/alerts": [held, held | {"startsAt": "noon"}]})
    pulled = await ask(puller)
    assert (len(pulled.alerts), len(pulled.rejected)) == (1, 1)
    puller.accepted(pulled)
    endpoint.answers["/api/v2/alerts"] = [held | {"startsAt": "noon"}]
    assert (await ask(puller)).alerts == ()
    endpoint.answers["/api/v2/alerts"] = []
    assert [alert.status for alert in (await ask(puller)).alerts] == [AlertStatus.RESOLVED]


async def test_a_level_that_stands_only_in_a_pulled_line_is_found() -> None:
    puller = Loki(ADDRESS)
    lines = [str(T0 + 1), "level=error msg=lost"], [str(T0 + 2), "E1129 18:00:00.000 a.go:1] lost"]
    canned(puller, {"/loki/api/v1/query_range": streams(stream(*lines, app="cart"))})
    (block,) = (await ask(puller)).batch.logs
    assert block.severity.tolist() == [17, 17]


async def test_a_full_answer_of_loki_is_complete_but_for_its_last_instant() -> None:
    puller = Loki(ADDRESS, limit=4)
    lines = [[str(T0 + at), f"line {at}"] for at in (1, 2, 3)]
    canned(puller, {"/loki/api/v1/query_range": streams(stream(*lines, app="a"), stream([str(T0 + 3), "x"], app="b"))})
    pulled = await ask(puller)
    assert pulled.upto == T0 + 2
    assert [(block.service, block.body) for block in pulled.batch.logs] == [("a", ("line 1", "line 2"))]


async def test_one_instant_that_fills_an_answer_of_loki_does_not_hold_it_up_for_ever() -> None:
    puller = Loki(ADDRESS, limit=2)
    lines = [[str(T0 + 5), "a"], [str(T0 + 5), "b"]]
    canned(puller, {"/loki/api/v1/query_range": streams(stream(*lines, app="a"))})
    pulled = await ask(puller)
    assert (pulled.upto, len(pulled.batch)) == (T0 + 5, 2)


def tags(**values: object) -> list[dict[str, Any]]:
    return [{"key": name.replace("__", "."), "type": "string", "value": value} for name, value in values.items()]


TRACE = {
    "traceID": "0af7651916cd43dd8448eb211c80319c",
    "spans": [
        {
            "traceID": "0af7651916cd43dd8448eb211c80319c",
            "spanID": "00000000000000a1",
            "operationName": "POST /pay",
            "references": [],
            "startTime": 1_700_000_010_000_000,
            "duration": 250_000,
            "tags": tags(span__kind="client", peer__service="payment", error=True),
            "processID": "p1",
            "logs": [],
            "warnings": None,
        },
        {
            "traceID": "0af7651916cd43dd8448eb211c80319c",
            "spanID": "00000000000000b2",
            "operationName": "pay",
            "references": [
                {"refType": "CHILD_OF", "traceID": "0af7651916cd43dd8448eb211c80319c", "spanID": "00000000000000a1"}
            ],
            "startTime": 1_700_000_010_050_000,
            "duration": 100_000,
            "tags": tags(span__kind="server", http__status_code=500, otel__status_code="OK"),
            "processID": "p2",
        },
    ],
    "processes": {"p1": {"serviceName": "cart", "tags": []}, "p2": {"serviceName": "payment"}},
}
DEPENDENCIES = {"data": [{"parent": "cart", "child": "payment", "callCount": 120}, {"parent": "x", "child": "x"}]}


def jaeger_answers() -> dict[str, object]:
    return {
        "/api/services": {"data": ["cart", "payment"], "total": 2},
        "/api/traces": {"data": [TRACE], "total": 0, "errors": None},
        "/api/dependencies": DEPENDENCIES,
    }


async def test_jaeger_spans_become_one_block_a_service_and_each_is_told_once() -> None:
    puller = Jaeger(ADDRESS, overlap=10.0)
    endpoint = canned(puller, jaeger_answers())
    pulled = await ask(puller)
    cart, payment = pulled.batch.spans
    assert (cart.service, cart.operations, cart.peers) == ("cart", ("POST /pay",), ("payment",))
    assert (cart.kind.tolist(), payment.kind.tolist()) == ([SpanKind.CLIENT], [SpanKind.SERVER])
    assert (cart.error.tolist(), payment.error.tolist()) == ([True], [False])
    assert cart.start.tolist() == [T0 + 10 * NANOSECONDS]
    assert cart.duration.tolist() == [250_000_000]
    assert payment.parent.tolist() == cart.span.tolist() == [0xA1]
    assert cart.trace.tolist() == payment.trace.tolist() == [0x8448EB211C80319C]
    asked = [query for path, query in endpoint.queries if path == "/api/traces"]
    assert [(query["service"], query["start"], query["end"]) for query in asked] == [
        ("cart", 1_699_999_990_000_000, 1_700_000_060_000_000),
        ("payment", 1_699_999_990_000_000, 1_700_000_060_000_000),
    ]
    assert len((await ask(puller)).batch) == 2  # nobody said that it was durable
    puller.accepted(pulled)
    assert len((await ask(puller)).batch) == 0


async def test_jaeger_dependencies_are_edges_with_a_rate_and_asked_for_once_in_a_while() -> None:
    puller = Jaeger(ADDRESS, services=("cart",), dependencies=60.0)
    endpoint = canned(puller, jaeger_answers())
    pulled = await ask(puller)
    (edge,) = pulled.edges
    assert (edge.caller, edge.callee, edge.rate, edge.last_seen) == ("cart", "payment", 2.0, ASKED.until)
    (query,) = (query for path, query in endpoint.queries if path == "/api/dependencies")
    assert query == {"endTs": 1_700_000_060_000, "lookback": 60_000}
    puller.accepted(pulled)
    soon = PullRequest("acme", ASKED.until, ASKED.until + 15 * NANOSECONDS)
    later = PullRequest("acme", ASKED.until, ASKED.until + 60 * NANOSECONDS)
    assert (await ask(puller, request=soon)).edges == ()
    assert len((await ask(puller, request=later)).edges) == 1


def held(fingerprint: str, state: str = "active", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "Slow", "service": "cart", "severity": "critical"} | labels,
        "annotations": {"summary": "cart is slow"},
        "startsAt": "2026-03-01T12:00:00.123Z",
        "endsAt": "2026-03-01T12:05:00Z",
        "updatedAt": "2026-03-01T12:01:00Z",
        "fingerprint": fingerprint,
        "generatorURL": "http://prometheus/graph",
        "receivers": [{"name": "web"}],
        "status": {"state": state, "silencedBy": [], "inhibitedBy": []},
    }


async def test_an_alert_is_told_once_when_it_fires_and_once_when_it_is_gone() -> None:
    puller = Alertmanager(ADDRESS)
    endpoint = canned(puller, {"/api/v2/alerts": [held("f1"), held("f2", "suppressed")]})
    first = await ask(puller)
    (alert,) = first.alerts
    assert (alert.fingerprint, alert.service, alert.title) == ("f1", "cart", "cart is slow")
    assert (alert.severity, alert.status) == (Severity.CRITICAL, AlertStatus.FIRING)
    assert alert.starts_at == datetime(2026, 3, 1, 12, 0, 0, 123000, UTC)
    assert (await ask(puller)).alerts == first.alerts  # nobody said that it was durable
    puller.accepted(first)
    assert (await ask(puller)).alerts == ()
    endpoint.answers["/api/v2/alerts"] = [held("f1", "suppressed")]
    assert (await ask(puller)).alerts == ()
    endpoint.answers["/api/v2/alerts"] = []
    last = await ask(puller)
    (over,) = last.alerts
    assert (over.fingerprint, over.status, over.starts_at) == ("f1", AlertStatus.RESOLVED, alert.starts_at)
    assert over.ends_at is not None
    puller.accepted(last)
    assert (await ask(puller)).alerts == ()


EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, object]]] = {
    "prometheus": ({"queries": ["x"]}, {"/api/v1/query": matrix(series((1, "1"), __name__="x"))}),
    "loki": ({}, {"/loki/api/v1/query_range": streams(stream(["1", "x"], app="a"))}),
    "jaeger": ({"services": ["cart"]}, jaeger_answers()),
    "alertmanager": ({}, {"/api/v2/alerts": [held("f")]}),
}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def damaged(tree: Any, data: st.DataObject) -> bytes:
    root = tree = json.loads(json.dumps(tree))
    while True:
        place = data.draw(st.sampled_from(list(tree) if isinstance(tree, dict) else list(range(len(tree)))))
        child = tree[place]
        if not (isinstance(child, dict | list) and child) or data.draw(st.booleans()):
            tree[place] = data.draw(JSON_VALUES)
            return json.dumps(root).encode()
        tree = child


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
@settings(max_examples=60)
@given(data=st.data())
async def test_any_value_in_any_place_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    options, answers = EXAMPLES[kind]
    puller: Puller = make("pullers", kind, {"address": ADDRESS, **options})
    path = data.draw(st.sampled_from(sorted(answers)))
    canned(puller, answers | {path: damaged(answers[path], data)})
    try:
        pulled = await ask(puller)
    except InvalidInput:
        return
    assert pulled.batch.tenant == "acme"
    puller.accepted(pulled)


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("prometheus", {}, "queries"),
        ("prometheus", {"queries": []}, "queries"),
        ("prometheus", {"queries": ["x"], "step": "often"}, "step"),
        ("prometheus", {"queries": ["x"], "query": "y"}, "query"),
        ("loki", {"limit": 1}, "limit"),
        ("graphite", {}, "graphite"),
    ],
)
def test_wrong_options_are_named(kind: str, options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make("pullers", kind, {"address": ADDRESS, **options})
    assert field in refused.value.field


def test_a_missing_option_is_a_wrong_setting() -> None:
    with pytest.raises(InvalidSettings, match="is missing"):
        make("pullers", "prometheus", {"address": ADDRESS})
