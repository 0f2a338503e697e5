"""Batches of every format that holds many items: three that fit, and others that do not, for tests and the fuzzer."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.ports.source import Intake, Source
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import AT_MS, FIRST, SECOND, first_series, sample
from akeso.testing.requests.sources import request_to

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

    @property
    def is_lines(self) -> bool:
        """Whether an item is a line, counted from 1."""
        return self.joined is lines

    def __str__(self) -> str:
        return f"{self.source}-{self.content_type.rpartition('/')[2]}"

    def keeps(self, item: bytes) -> bool:
        """Whether two good items are kept whatever the item between them is."""
        first, _, third = self.good
        _, expected = self.decode(first, third)
        _, found = self.decode(first, item, third)
        return expected <= found

    def decode(self, *items: bytes) -> tuple[Intake, "Counter[object]"]:
        """What the source makes of the items."""
        table, source = SeriesTable(), _sources()[self.source]
        intake = source.decode(request_to(source.paths[0], self.joined(items), self.content_type), table)
        return intake, Counter(told(intake, table))


@cache
def _sources() -> dict[str, Source]:
    found: dict[str, Source] = build("sources")
    return found


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
    Form(
        "prometheus_alerts",
        JSON,
        array,
        as_json(*({"labels": {"alertname": name}, "startsAt": "2023-03-01T12:00:00Z"} for name in "abc")),
        list(
            zip(
                as_json(
                    {"labels": {"alertname": 7}},
                    {"labels": {"a": "b"}},
                    {"labels": {"alertname": "x"}, "startsAt": "noon"},
                ),
                ("labels[...]", "labels.alertname", "startsAt"),
                strict=True,
            )
        ),
        400,
    ),
    Form(
        "graphite",
        "text/plain",
        lines,
        [b"a.load 1 1700000000", b"b.load 2 1700000000", b"c.load 3 1700000000"],
        [(b"x", ""), (b"x.load one 1700000000", "value"), (b"x.load 1 7", "timestamp")],
        202,
    ),
    Form(
        "syslog",
        "text/plain",
        lines,
        [b"<34>1 2023-03-01T12:00:00Z h %b - - - x" % name for name in (b"a", b"b", b"c")],
        [(b"hello", ""), (b"<999>1 - - - - - - x", "")],
        202,
    ),
]
