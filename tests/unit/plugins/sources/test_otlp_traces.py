import pytest

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SpanBlock, SpanKind
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.otlp_traces import OtlpTraces
from akeso.testing.requests.otlp import AT, as_json, trace_request
from akeso.testing.requests.sources import RECEIVED_AT, request_to

CART = {"service.name": "cart"}
TRACE, ONE, TWO = bytes(range(16)), b"\x00" * 7 + b"\x01", b"\xff" * 8


@pytest.fixture(params=["application/x-protobuf", "application/json"])
def content_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def block_of(content_type: str, *spans: dict[str, object]) -> SpanBlock:
    request = trace_request(CART, *({"trace_id": TRACE, "span_id": ONE} | span for span in spans))
    body = as_json(request) if content_type == "application/json" else request.SerializeToString()
    intake = OtlpTraces().decode(request_to("/v1/traces", body, content_type), SeriesTable())
    assert (intake.answer.status, intake.answer.content_type) == (200, content_type)
    (block,) = intake.batch.spans
    return block


def peer_of(kind: int, **attributes: str) -> str:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    block = block_of("application/x-protobuf", {"kind": kind, "attributes": named})
    return block.peers[int(block.peer[0])]


def test_spans_become_columns(content_type: str) -> None:
    block = block_of(
        content_type,
        {"name": "GET /x", "kind": 2, "start_time_unix_nano": AT, "end_time_unix_nano": AT + 50},
        {
            "name": "charge",
            "kind": 3,
            "span_id": TWO,
            "parent_span_id": ONE,
            "start_time_unix_nano": AT + 5,
            "end_time_unix_nano": AT + 45,
            "failed": True,
            "attributes": {"peer.service": "payment"},
        },
        {"name": "GET /x", "kind": 2, "start_time_unix_nano": AT},
    )
    assert block.service == "cart"
    assert [block.operations[i] for i in block.operation] == ["GET /x", "charge", "GET /x"]
    assert [block.peers[i] for i in block.peer] == ["", "payment", ""]
    assert block.trace.tolist() == [int.from_bytes(TRACE[8:], "big")] * 3
    assert block.span.tolist() == [1, 2**64 - 1, 1]
    assert block.parent.tolist() == [0, 1, 0]
    assert block.kind.tolist() == [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.SERVER]
    assert block.start.tolist() == [AT, AT + 5, AT]
    assert block.duration.tolist() == [50, 40, 0]
    assert block.error.tolist() == [False, True, False]


def test_a_span_that_ends_before_it_starts_took_no_time(content_type: str) -> None:
    block = block_of(content_type, {"start_time_unix_nano": AT, "end_time_unix_nano": AT - 9}, {})
    assert block.duration.tolist() == [0, 0]
    assert block.start.tolist() == [AT, RECEIVED_AT]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"peer__service": "payment", "server__address": "10.0.0.1"}, "payment"),
        ({"server__address": "payment.svc", "server__port": "80"}, "payment.svc"),
        ({"net__peer__name": "old.svc"}, "old.svc"),
        ({"server__address": "127.0.0.1", "server__port": "5432", "db__system__name": "postgresql"}, "postgresql"),
        ({"server__address": "127.0.0.1", "server__port": "8080"}, "127.0.0.1:8080"),
        ({"server__address": "localhost"}, "localhost"),
        ({"db__system": "mysql"}, "mysql"),
        ({"messaging__destination__name": "orders", "server__address": "broker"}, "orders"),
        ({"http__route": "/x"}, ""),
    ],
)
def test_a_peer_has_the_name_that_tells_most(attributes: dict[str, str], expected: str) -> None:
    assert peer_of(SpanKind.CLIENT, **attributes) == expected


def test_only_spans_that_call_have_a_peer() -> None:
    assert peer_of(SpanKind.SERVER, server__address="cart") == ""
    assert peer_of(SpanKind.INTERNAL, peer__service="cart") == ""
    assert peer_of(SpanKind.PRODUCER, messaging__destination__name="orders") == "orders"
    assert peer_of(SpanKind.CONSUMER, messaging__destination__name="orders") == "orders"


@pytest.mark.parametrize(("field", "named"), [("trace_id", "traceId"), ("span_id", "spanId")])
def test_an_id_of_another_length_is_refused(content_type: str, field: str, named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        block_of(content_type, {field: b"abc"})
    assert refused.value.field == f"resourceSpans[0].scopeSpans[0].spans[0].{named}"


def test_a_parent_that_is_none_costs_itself(content_type: str) -> None:
    assert block_of(content_type, {"parent_span_id": b"abc"}).parent.tolist() == [0]


def test_a_kind_from_the_future_is_unspecified(content_type: str) -> None:
    assert block_of(content_type, {"kind": 9}).kind.tolist() == [SpanKind.UNSPECIFIED]


def test_a_span_without_a_role_whose_parent_is_remote_is_where_its_service_is_entered(content_type: str) -> None:
    remote, local = 0x300, 0x100
    block = block_of(
        content_type,
        {"kind": 1, "parent_span_id": TWO, "flags": remote},
        {"kind": 1, "parent_span_id": TWO, "flags": local},
        {"kind": 3, "parent_span_id": TWO, "flags": remote},
    )
    assert block.kind.tolist() == [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT]


def test_the_first_link_of_a_consumer_is_kept_and_a_malformed_one_costs_itself(content_type: str) -> None:
    block = block_of(
        content_type,
        {"kind": 5, "links": [TWO, ONE]},
        {"kind": 5, "links": [b"\x01"]},
        {"kind": 2, "links": [TWO]},
    )
    assert block.link.tolist() == [2**64 - 1, 0, 0]


def test_without_links_there_is_no_column_of_them(content_type: str) -> None:
    assert len(block_of(content_type, {"kind": 5}).link) == 0
