"""Good items survive bad neighbours, in every format and encoding, and the answer says what was left out."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.ports.source import Intake, Source
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import AT_MS, FIRST, SECOND, first_series, sample
from akeso.testing.requests.sources import request_to

SOURCES: dict[str, Source] = build("sources")
JSON, PROTOBUF = "application/json", "application/x-protobuf"
AT = AT_MS * 1_000_000
STAMP = wire.text(1, wire.number(1, AT_MS // 1000))
TRACE = bytes(range(16))


@dataclass(frozen=True)
class Form:
    """How items of a format make a body. good: three items; bad: items that do not fit, each with the field that is
    named; joined: the body of items."""

    source: str
    content_type: str
    joined: Callable[[Sequence[bytes]], bytes]
    good: Sequence[bytes]
    bad: Sequence[tuple[bytes, str]]
    status: int = 200
    path: str = field(default="")

    def __str__(self) -> str:
        return f"{self.source}-{self.content_type.rpartition('/')[2]}"

    def decode(self, *items: bytes) -> tuple[Intake, "Counter[object]"]:
        """What the source makes of the items."""
        table, source = SeriesTable(), SOURCES[self.source]
        intake = source.decode(request_to(source.paths[0], self.joined(items), self.content_type), table)
        return intake, Counter(told(intake, table))


def told(intake: Intake, table: SeriesTable) -> list[object]:
    """Everything that an intake holds, as values."""
    batch, metrics = intake.batch, intake.batch.metrics
    points = zip(metrics.series.tolist(), metrics.time.tolist(), metrics.value.tolist(), strict=True)
    logs = [(block.service, *row) for block in batch.logs for row in zip(block.body, block.time.tolist(), strict=True)]
    spans = [
        (block.service, block.operations[operation], identity, start)
        for block in batch.spans
        for operation, identity, start in zip(
            block.operation.tolist(), block.span.tolist(), block.start.tolist(), strict=True
        )
    ]
    return [
        *((table[series], at, value) for series, at, value in points),
        *logs,
        *spans,
        *batch.changes,
        *intake.alerts,
    ]


def lines(items: Sequence[bytes]) -> bytes:
    return b"\n".join(items)


def array(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def within(before: str, after: str) -> Callable[[Sequence[bytes]], bytes]:
    return lambda items: before.encode() + array(items) + after.encode()


def nested(number: int, *outer: int, head: bytes = b"") -> Callable[[Sequence[bytes]], bytes]:
    """Items as fields of this number, within messages within messages. head: further fields of the innermost."""

    def join(items: Sequence[bytes]) -> bytes:
        body = head + b"".join(wire.text(number, item) for item in items)
        for each in outer:
            body = wire.text(each, body)
        return body

    return join


def as_json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def span(name: str, /, **more: object) -> dict[str, object]:
    number = f"{sum(name.encode()):016x}"
    return {"traceId": TRACE.hex(), "spanId": number, "name": name, "startTimeUnixNano": str(AT)} | more


def raw_span(name: bytes, trace: bytes = TRACE, start: int = AT) -> bytes:
    number = sum(name).to_bytes(8, "big")
    return wire.text(1, trace) + wire.text(2, number) + wire.text(5, name) + fixed(7, start)


def fixed(number: int, value: int) -> bytes:
    return bytes((number << 3 | 1,)) + value.to_bytes(8, "little")


def record(body: str, **more: object) -> dict[str, object]:
    return {"timeUnixNano": str(AT), "body": {"stringValue": body}} | more


def raw_record(body: bytes, at: int = AT) -> bytes:
    return fixed(1, at) + wire.text(5, wire.text(1, body))


def point(value: float, **more: object) -> dict[str, object]:
    return {"timeUnixNano": str(AT), "asDouble": value} | more


def raw_point(value: float, at: int = AT) -> bytes:
    return fixed(3, at) + wire.double(4, value)


def line(message: str, /, **more: object) -> dict[str, object]:
    return {"service": "c", "message": message, "timestamp": AT} | more


def event(identity: str, **more: object) -> dict[str, object]:
    return {"specversion": "1.0", "id": identity, "source": "/c", "type": "a.note", "data": identity} | more


def alert(name: str, **more: object) -> dict[str, object]:
    labels = {"service": "c", "alertname": name}
    return {"status": "firing", "labels": labels, "startsAt": "2026-03-01T12:00:00Z"} | more


def change(version: str, **more: object) -> dict[str, object]:
    return {"service": "c", "kind": "deploy", "version": version, "at": 17e8} | more


def series(job: str, *samples: tuple[int, float], more: bytes = b"") -> bytes:
    return first_series({"__name__": "m", "job": job}, samples or [(AT_MS, 1.0)], more)


LINE_BADS = [
    (b'{"service":"c"}', "message"),
    (b'{"service":"c","message":"m","timestamp":"noon"}', "timestamp"),
    (b"7", ""),
]
SYMBOLS = b"".join(wire.text(4, each) for each in ("", "__name__", "m", "job", "a", "b", "c"))
TWO_SAMPLES = wire.text(2, sample(AT_MS, 1.0))
GAUGE = ('{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":', "}}]}]}]}")

FORMS = [
    Form(
        "otlp_traces",
        JSON,
        within('{"resourceSpans":[{"scopeSpans":[{"spans":', "}]}]}"),
        as_json(span("a"), span("b"), span("c")),
        [
            *zip(
                as_json(span("x", traceId=""), span("x", spanId="no"), span("x", name=5)),
                ("traceId", "spanId", "name"),
                strict=True,
            ),
            *zip(as_json(span("x", startTimeUnixNano="-1"), 7), ("startTimeUnixNano", ""), strict=True),
        ],
    ),
    Form(
        "otlp_traces",
        PROTOBUF,
        nested(2, 2, 1),
        [raw_span(b"a"), raw_span(b"b"), raw_span(b"c")],
        [
            (raw_span(b"x", trace=b""), "traceId"),
            (raw_span(b"x", start=2**63), "startTimeUnixNano"),
            (raw_span(b"\xff"), ""),
            (b"\x0a\x7f", ""),
        ],
    ),
    Form(
        "otlp_logs",
        JSON,
        within('{"resourceLogs":[{"scopeLogs":[{"logRecords":', "}]}]}"),
        as_json(record("a"), record("b"), record("c")),
        [(as_json(record("x", timeUnixNano="noon"))[0], "timeUnixNano"), (b"[]", "")],
    ),
    Form(
        "otlp_logs",
        PROTOBUF,
        nested(2, 2, 1),
        [raw_record(b"a"), raw_record(b"b"), raw_record(b"c")],
        [(raw_record(b"x", 2**63), "timeUnixNano"), (raw_record(b"\xff"), ""), (b"\x0a\x7f", "")],
    ),
    Form(
        "otlp_metrics",
        JSON,
        within(*GAUGE),
        as_json(point(1), point(2), point(3)),
        [(as_json(point(1, timeUnixNano=[]))[0], "timeUnixNano"), (b'{"timeUnixNano":"1"}', "dataPoints"), (b"7", "")],
    ),
    Form(
        "otlp_metrics",
        PROTOBUF,
        nested(1, 5, 2, 2, 1),
        [raw_point(1), raw_point(2), raw_point(3)],
        [(raw_point(4, 2**63), "timeUnixNano"), (fixed(3, AT), "dataPoints"), (b"\x0a\x7f", "")],
    ),
    Form("json_logs", "application/x-ndjson", lines, as_json(line("a"), line("b"), line("c")), LINE_BADS, 202),
    Form("json_logs", JSON, array, as_json(line("a"), line("b"), line("c")), LINE_BADS, 202),
    Form(
        "change_events",
        JSON,
        array,
        as_json(change("a"), change("b"), change("c")),
        list(zip(as_json(change("x", kind="party"), change("x", at="noon")), ("kind", "at"), strict=True)),
        202,
    ),
    Form(
        "cloud_events",
        "application/cloudevents-batch+json",
        array,
        as_json(event("a"), event("b"), event("c")),
        list(
            zip(
                as_json({"id": "x"}, event("x", time="noon"), event("x", data_base64="?")),
                ("specversion", "time", "data_base64"),
                strict=True,
            )
        ),
        202,
    ),
    Form(
        "alertmanager",
        JSON,
        within('{"version":"4","alerts":', "}"),
        as_json(alert("a"), alert("b"), alert("c")),
        list(
            zip(
                as_json(
                    alert("x", status="odd"), alert("x", startsAt="noon"), alert("x", startsAt="0001-01-01T00:00:00Z")
                ),
                ("status", "startsAt", "startsAt"),
                strict=True,
            )
        ),
    ),
    Form(
        "loki_push",
        JSON,
        within('{"streams":[{"stream":{"app":"c"},"values":', "}]}"),
        as_json([str(AT), "a"], [str(AT), "b"], [str(AT), "c"]),
        list(zip(as_json(["noon", "x"], [str(AT), 7], "x"), ("timestamp", "[1]", ""), strict=True)),
        400,
    ),
    Form(
        "loki_push",
        JSON,
        within('{"streams":', "}"),
        as_json(*({"stream": {"app": name}, "values": [[str(AT), name]]} for name in "abc")),
        list(
            zip(as_json({"stream": {"app": 7}, "values": []}, {"stream": {}}), ("stream[...]", "values"), strict=True)
        ),
        400,
    ),
    Form(
        "loki_push",
        PROTOBUF,
        nested(2, 1, head=wire.text(1, '{app="c"}')),
        [STAMP + wire.text(2, each) for each in (b"a", b"b", b"c")],
        [(wire.text(2, bytes(2**19 + 1)), "line"), (wire.text(1, wire.number(1, -5)), "timestamp"), (b"\x0a\x7f", "")],
        400,
    ),
    Form(
        "loki_push",
        PROTOBUF,
        nested(1),
        [wire.text(1, f'{{app="{name}"}}') + wire.text(2, STAMP + wire.text(2, name)) for name in "abc"],
        [(wire.text(1, "{app=}") + wire.text(2, wire.text(2, "x")), "labels"), (b"\x0a\x7f", "labels")],
        400,
    ),
    Form(
        "remote_write",
        FIRST,
        nested(1),
        [series("a"), series("b"), series("c")],
        [
            (first_series([("__name__", "m"), ("job", "a"), ("job", "b")], [(AT_MS, 1.0)]), "labels"),
            (b"\x0a\x7f", ""),
            (series("x", (-5, 1.0)), "timestamp"),
        ],
        400,
    ),
    Form(
        "remote_write",
        SECOND,
        lambda items: SYMBOLS + nested(5)(items),
        [wire.numbers(1, [1, 2, 3, each]) + TWO_SAMPLES for each in (4, 5, 6)],
        [
            (wire.numbers(1, [1, 2, 3, 99]) + TWO_SAMPLES, "labels_refs"),
            (wire.numbers(1, [1]) + TWO_SAMPLES, "labels_refs"),
            (b"\x0a\x7f", ""),
        ],
        400,
    ),
]
each_form = pytest.mark.parametrize("form", FORMS, ids=str)


@each_form
def test_a_bad_item_costs_only_itself_and_is_named(form: Form) -> None:
    first, second, third = form.good
    _, expected = form.decode(first, second, third)
    assert sum(expected.values()) == 3
    for bad, field_ in form.bad:
        intake, found = form.decode(first, bad, second, third)
        assert found == expected, bad
        assert intake.answer.status == form.status
        (rejected,) = intake.rejected
        assert (rejected.field, rejected.count) == (field_, 1)
        assert rejected.reason
        assert said(form, intake) == (1, True)


def said(form: Form, intake: Intake) -> tuple[int, bool]:
    """How many items an answer says were rejected, and whether it says why."""
    body, reason = intake.answer.body, intake.rejected[0].reason
    if form.source.startswith("otlp"):
        count, message = partial(form, body)
        return count, reason in message
    if form.status == 400:
        return len(intake.rejected), reason in body.decode()
    rejected = json.loads(body)["rejected"]
    return len(rejected), rejected[0]["reason"] == reason and set(rejected[0]) == {"item", "field", "reason"}


def partial(form: Form, body: bytes) -> tuple[int, str]:
    if form.content_type == JSON:
        success = json.loads(body)["partialSuccess"]
        return int(next(value for name, value in success.items() if name != "errorMessage")), success["errorMessage"]
    response: Any = {
        "otlp_traces": ExportTraceServiceResponse,
        "otlp_logs": ExportLogsServiceResponse,
        "otlp_metrics": ExportMetricsServiceResponse,
    }[form.source]
    told_ = response.FromString(body).partial_success
    return getattr(told_, told_.DESCRIPTOR.fields[0].name), told_.error_message


@each_form
def test_where_nothing_is_good_all_is_refused(form: Form) -> None:
    for bad, field_ in form.bad:
        with pytest.raises(InvalidInput) as refused:
            form.decode(bad)
        assert field_ in refused.value.field


# A metric's points are named by their metric.
@pytest.mark.parametrize("form", [form for form in FORMS if form.source != "otlp_metrics"], ids=str)
def test_what_is_left_out_keeps_its_place_in_the_body(form: Form) -> None:
    bad = form.bad[0][0]
    intake, _ = form.decode(bad, form.good[0], bad, form.good[1], bad)
    items = [each.item for each in intake.rejected]
    numbers = [0, 2, 4] if "ndjson" not in form.content_type else [1, 3, 5]
    assert [f"{number}" in item for number, item in zip(numbers, items, strict=True)] == [True] * 3


@each_form
def test_of_many_bad_items_some_are_named_and_all_are_counted(form: Form) -> None:
    intake, _ = form.decode(*[form.bad[0][0]] * 50, form.good[0])
    assert sum(each.count for each in intake.rejected) == 50
    assert len(intake.rejected) <= 21


BYTES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=4)), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@each_form
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_becomes_of_one_item_the_others_are_kept(form: Form, data: st.DataObject) -> None:
    first, second, third = form.good
    changed = mutated(form, second, data)
    _, expected = form.decode(first, third)
    _, found = form.decode(first, changed, third)
    assert expected <= found


def mutated(form: Form, item: bytes, data: st.DataObject) -> bytes:
    if "json" not in form.content_type:
        for share, cut, piece in data.draw(BYTES):
            at = round(share * len(item))
            item = item[:at] + piece + item[at + cut :]
        return item
    value = json.loads(item)
    place = data.draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    value[place] = data.draw(VALUES)
    return json.dumps(value).encode()
