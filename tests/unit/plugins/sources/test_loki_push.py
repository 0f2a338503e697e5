import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from akeso.domain.errors import Forbidden, InvalidInput, Overloaded
from akeso.domain.telemetry.batches import LogBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.loki_push import LokiPush
from akeso.ports.source import IngestRequest
from akeso.protocols.loki.log_streams import level_in, stream_labels, trace_in
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import snapped
from akeso.testing.requests.sources import request_to

PATH = "/loki/api/v1/push"
AT = 1_700_000_000_123_456_789
JSON, PROTOBUF = "application/json", "application/x-protobuf"
ENCODINGS = pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
TRACE = "000102030405060708090a0b0c0d0e0f"

Line = tuple[int, str, dict[str, str]]


def push(encoding: str, *streams: tuple[dict[str, str], list[Line]]) -> IngestRequest:
    """The same streams in either encoding, not compressed."""
    if encoding == JSON:
        told: list[dict[str, Any]] = [
            {"stream": labels, "values": [[str(at), line, *([more] if more else [])] for at, line, more in lines]}
            for labels, lines in streams
        ]
        return request_to(PATH, json.dumps({"streams": told}).encode(), encoding)
    return request_to(PATH, b"".join(wire.text(1, stream(labels, lines)) for labels, lines in streams), encoding)


def stream(labels: dict[str, str], lines: list[Line]) -> bytes:
    inner = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())
    return wire.text(1, "{" + inner + "}") + b"".join(wire.text(2, entry(*line)) for line in lines)


def entry(at: int, line: str | bytes, metadata: dict[str, str]) -> bytes:
    stamp = wire.number(1, at // 10**9) + wire.number(2, at % 10**9)
    pairs = b"".join(wire.text(3, wire.text(1, name) + wire.text(2, value)) for name, value in metadata.items())
    return wire.text(1, stamp) + wire.text(2, line) + pairs


def blocks_of(request: IngestRequest) -> list[LogBlock]:
    intake = LokiPush().decode(request, SeriesTable())
    assert (intake.answer.status, intake.answer.body) == (204, b"")
    return list(intake.batch.logs)


@ENCODINGS
def test_a_stream_becomes_a_block(encoding: str) -> None:
    labels = {"app": "cart", "pod": "cart-1", "level": "warn"}
    lines: list[Line] = [(AT, "first", {}), (AT + 1, "zweite „Zeile“", {"level": "error", "trace_id": TRACE})]
    (block,) = blocks_of(push(encoding, (labels, lines)))
    assert (block.service, block.attributes) == ("cart", (("service.instance.id", "cart-1"),))
    assert block.body == ("first", "zweite „Zeile“")
    assert block.time.tolist() == [AT, AT + 1]
    assert block.severity.tolist() == [13, 17]
    assert block.trace.tolist() == [0, 0x08090A0B0C0D0E0F]


@ENCODINGS
def test_a_level_that_stands_only_in_the_line_is_found(encoding: str) -> None:
    lines: list[Line] = [(AT, '{"level":50,"msg":"x"}', {}), (AT, "E1129 18:00:00.000 a.go:1] x", {}), (AT, "x", {})]
    (block,) = blocks_of(push(encoding, ({"app": "cart"}, lines)))
    assert block.severity.tolist() == [17, 17, 0]


@ENCODINGS
def test_streams_of_one_instance_make_one_block(encoding: str) -> None:
    one, two, other = {"app": "cart", "file": "a"}, {"app": "cart", "file": "b"}, {"app": "web"}
    streams: list[tuple[dict[str, str], list[Line]]] = [
        (labels, [(AT, labels["app"], {})]) for labels in (one, two, other)
    ]
    blocks = blocks_of(push(encoding, *streams))
    assert [(block.service, block.body) for block in blocks] == [("cart", ("cart", "cart")), ("web", ("web",))]


@ENCODINGS
def test_streams_without_lines_make_no_block(encoding: str) -> None:
    assert blocks_of(push(encoding)) == blocks_of(push(encoding, ({"app": "cart"}, []))) == []


@ENCODINGS
def test_a_level_is_told_by_metadata_then_labels_then_the_line(encoding: str) -> None:
    lines: list[Line] = [(AT, "ERROR x", {"detected_level": "info"}), (AT, "ERROR x", {})]
    (labelled,) = blocks_of(push(encoding, ({"app": "a", "severity": "debug"}, lines)))
    (plain,) = blocks_of(push(encoding, ({"app": "a"}, lines)))
    assert (labelled.severity.tolist(), plain.severity.tolist()) == ([9, 5], [9, 17])


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("level=warn msg=slow", 13),
        ('ts=1 lvl="error" msg="x"', 17),
        ('{"ts":1,"level":"fatal","msg":"x"}', 21),
        ('{"Severity" : "Notice"}', 10),
        ("2026-03-01 12:00:00 [main] ERROR c.e.Shop - lost", 17),
        ("[WARNING] deprecated", 13),
        ("GET /api HTTP/1.1 200", 0),
        ("level=purple ERROR", 17),
        ("the level of the water", 0),
        ("an error of measurement", 0),
        ("x" * 300 + " ERROR", 0),
        ('{"level":50,"time":1795977262000,"msg":"cannot reach ledger"}', 17),
        ('{"level":30,"msg":"started"}', 9),
        ('{"levelno": 20, "msg": "python"}', 9),
        ('{"levelname": "CRITICAL", "msg": "python"}', 18),
        ('{"severityNumber":17,"body":"x"}', 17),
        ("battery level: 50, charging", 0),
        ("E1129 18:00:00.000 controller.go:12] lost the lease", 17),
        ("W0301 12:00:00.000000       1 reflector.go:3] slow", 13),
        ("E1 is a road", 0),
        ("lvl=eror msg=x", 17),
        ("2026/03/01 12:00:00 [error] 31#31: *1 upstream timed out", 17),
        ("array [error] in a sentence", 0),
        ("fail: Shop.Cart[0]", 17),
        ("fail to see", 0),
        ("[12:00:00 WRN] slow", 13),
        ("<11>Mar  1 12:00:00 host app: lost", 17),
        ("<999>x", 0),
        ("", 0),
    ],
)
def test_a_level_is_seen_in_a_line(line: str, severity: int) -> None:
    assert level_in(line) == severity


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("{}", {}),
        ('{app="cart"}', {"app": "cart"}),
        ('{ a = "1" ,b="2", }', {"a": "1", "b": "2"}),
        (r'{a="say \"hi\", {you}\n\\\t\x41\u00e9\U0001F600\101"}', {"a": 'say "hi", {you}\n\\\tAé😀A'}),
        ('{path=`C:\\temp`,b="ü"}', {"path": "C:\\temp", "b": "ü"}),
        (r'{a="\ud800"}', {"a": "\ufffd"}),
    ],
)
def test_labels_are_read_as_go_writes_them(text: str, labels: dict[str, str]) -> None:
    assert stream_labels(text) == labels


@pytest.mark.parametrize(
    "text", ["", "app=x", '{app="x"', "{app=x}", '{app="x" b="y"}', '{="x"}', '{a="x}', "{,}", '{a="\\"}']
)
def test_labels_that_cannot_be_read_are_refused(text: str) -> None:
    body = wire.text(1, wire.text(1, text) + wire.text(2, entry(AT, "x", {})))
    with pytest.raises(InvalidInput, match=r"streams\[0\]\.labels"):
        blocks_of(request_to(PATH, body, PROTOBUF))


def test_very_long_labels_are_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="longer than"):
        stream_labels('{a="' + "x" * 100_000 + '"}')


@pytest.mark.parametrize(
    ("text", "trace"), [(TRACE, 0x08090A0B0C0D0E0F), ("ab", 0xAB), ("", 0), ("no hex", 0), ("-1", 0), ("zz", 0)]
)
def test_a_trace_id_that_is_none_is_no_trace(text: str, trace: int) -> None:
    assert trace_in(text) == trace


def test_a_line_that_is_not_utf8_is_kept() -> None:
    body = wire.text(1, wire.text(1, '{app="a"}') + wire.text(2, entry(AT, b"caf\xe9", {})))
    assert blocks_of(request_to(PATH, body, PROTOBUF))[0].body == ("caf\ufffd",)


def test_shippers_that_do_not_tell_their_compression_are_understood() -> None:
    plain = push(PROTOBUF, ({"app": "a"}, [(AT, "x", {})]))
    silent = replace(plain, headers={"content-type": PROTOBUF}, body=snapped(plain.body))
    nameless = replace(silent, headers={})
    assert [block.body for request in (silent, nameless) for block in blocks_of(request)] == [("x",), ("x",)]


@pytest.mark.parametrize("at", ["noon", "-5", "1.5", str(2**63), "9" * 5000, "²"])
def test_an_impossible_instant_is_refused(at: str) -> None:
    body = json.dumps({"streams": [{"stream": {}, "values": [[at, "x"]]}]}).encode()
    with pytest.raises(InvalidInput, match=r"streams\[0\]\.values\[0\]\.timestamp"):
        blocks_of(request_to(PATH, body))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "streams"),
        (b'{"streams":[{"values":[]}]}', "streams[0].stream"),
        (b'{"streams":[{"stream":{"a":1},"values":[]}]}', "streams[0].stream[...]"),
        (b'{"streams":[{"stream":{},"values":[["1"]]}]}', "streams[0].values[0]"),
        (b'{"streams":[{"stream":{},"values":[[1,"x"]]}]}', "streams[0].values[0][0]"),
        (b"no", "body"),
    ],
)
def test_json_that_does_not_fit_is_refused_and_named(body: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        blocks_of(request_to(PATH, body))
    assert refused.value.field == field


@pytest.mark.parametrize("encoding", ["text/plain", "application/xml"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(InvalidInput, match="content-type"):
        blocks_of(request_to(PATH, b"", encoding))


def test_refusals_have_lokis_statuses() -> None:
    source, request = LokiPush(), push(JSON)
    with pytest.raises(InvalidInput) as bomb:
        source.decode(replace(request, headers={"content-type": PROTOBUF}, body=wire.varint(2**31)), SeriesTable())
    errors = [(InvalidInput("a", "b"), 422), (bomb.value, 422), (Forbidden("x"), 403)]
    answers = [source.refuse(request, error, status) for error, status in errors]
    assert [answer.status for answer in answers] == [400, 413, 403]
    assert answers[0].body == b"a: b"
    assert source.refuse(request, Overloaded("full", None), 429).status == 429  # type: ignore[arg-type]


LINELESS = wire.text(2, wire.text(1, wire.number(1, 1_700_000_000)))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (wire.text(1, wire.text(1, "{}") + LINELESS * 500_001), "more than 500000"),
        (wire.text(1, wire.text(1, "{}") + LINELESS * 600_000), "streams.entries: holds more than 500000 items"),
        (wire.text(1, b"") * 600_000, "streams: holds more than 500000 items"),
        (wire.text(1, wire.text(1, "{}") + wire.text(2, bytes(2**19 + 1))), "there may be 524288"),
    ],
)
def test_a_body_that_would_fill_the_memory_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        blocks_of(request_to(PATH, body, PROTOBUF))


# By grafana/loki-client-go, which is Promtail's client.
RECORDED = (
    "hgHwXgqDAQoxe2FwcD0iZ29jYXJ0IiwgcG9kPSJwLTEiLCBxdW90ZWQ9ImFcImJcXGNcbmQgw7wifRImCgwI246G2AYQrKWy0gISFmxldmVsPWVycm9y"
    "IG1zZz0ibG9zdCISHSgE9bZmKAA="
)


def test_what_promtails_client_sends_is_read() -> None:
    request = replace(request_to(PATH, base64.b64decode(RECORDED)), headers={"content-type": PROTOBUF})
    (block,) = blocks_of(request)
    assert (block.service, block.attributes) == ("gocart", (("service.instance.id", "p-1"),))
    assert block.body == ('level=error msg="lost"',) * 2
    assert block.severity.tolist() == [17, 17]
    assert block.time.tolist() == [1_795_262_299_709_661_356, 1_795_262_299_709_737_132]


@pytest.mark.parametrize("label", ["service_name", "app", "application", "container_name", "job"])
def test_the_service_is_found_as_loki_finds_it(label: str) -> None:
    (block,) = blocks_of(push(JSON, ({label: "cart", "file": "x"}, [(AT, "x", {})])))
    assert block.service == "cart"


def test_the_labels_that_name_a_service_are_an_option() -> None:
    source = LokiPush(service_labels=("team",))
    intake = source.decode(push(JSON, ({"app": "a", "team": "b"}, [(AT, "x", {})])), SeriesTable())
    assert [block.service for block in intake.batch.logs] == ["b"]
