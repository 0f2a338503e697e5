import pytest

from akeso.domain.telemetry.batches import LogBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.otlp_logs import OtlpLogs
from akeso.testing.requests.otlp import AT, as_json, logs_request
from akeso.testing.requests.sources import RECEIVED_AT, request_to

CART = {"service.name": "cart", "service.instance.id": "cart-1"}
TRACE = bytes(range(16))


@pytest.fixture(params=["application/x-protobuf", "application/json"])
def content_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def blocks_of(content_type: str, *records: dict[str, object]) -> tuple[LogBlock, ...]:
    request = logs_request(CART, *records)
    body = as_json(request) if content_type == "application/json" else request.SerializeToString()
    intake = OtlpLogs().decode(request_to("/v1/logs", body, content_type), SeriesTable())
    assert (intake.answer.status, intake.answer.content_type) == (200, content_type)
    return intake.batch.logs


def test_records_become_columns_of_their_service(content_type: str) -> None:
    first = {"time_unix_nano": AT, "severity_number": 17, "body": "failed", "trace_id": TRACE}
    second = {"observed_time_unix_nano": AT + 1, "severity_text": "WARN", "body": "slow"}
    (block,) = blocks_of(content_type, first, second, {"body": "later"})
    assert block.service == "cart"
    assert block.attributes == (("service.instance.id", "cart-1"),)
    assert block.body == ("failed", "slow", "later")
    assert block.time.tolist() == [AT, AT + 1, RECEIVED_AT]
    assert block.severity.tolist() == [17, 13, 0]
    assert block.trace.tolist() == [int.from_bytes(TRACE[8:], "big"), 0, 0]
    assert [str(c.dtype) for c in (block.time, block.severity, block.trace)] == ["int64", "uint8", "uint64"]


def test_an_exception_stands_behind_the_body(content_type: str) -> None:
    thrown = {"exception.type": "ValueError", "exception.message": "no such cart", "exception.stacktrace": "…"}
    (block,) = blocks_of(content_type, {"body": "failed", "attributes": thrown}, {"attributes": thrown})
    assert block.body == ("failed: ValueError: no such cart", "ValueError: no such cart")


def test_an_event_without_a_body_is_its_name(content_type: str) -> None:
    (block,) = blocks_of(content_type, {"event_name": "device.lost"})
    assert block.body == ("device.lost",)


def test_a_severity_nobody_defined_is_unknown(content_type: str) -> None:
    (block,) = blocks_of(content_type, {"severity_number": 25}, {"severity_number": -1}, {"severity_text": "odd"})
    assert block.severity.tolist() == [0, 0, 0]


def test_a_resource_without_records_yields_nothing(content_type: str) -> None:
    assert blocks_of(content_type) == ()


def test_a_structured_body_is_written_as_json() -> None:
    body = b"""{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[
        {"key":"a","value":{"intValue":"7"}},
        {"key":"b","value":{"arrayValue":{"values":[{"boolValue":true},{"doubleValue":0.5}]}}}]}}}]}]}]}"""
    (block,) = OtlpLogs().decode(request_to("/v1/logs", body), SeriesTable()).batch.logs
    assert block.body == ('{"a":7,"b":[true,0.5]}',)


@pytest.mark.parametrize("trace_id", ["abcd", "zz" * 16, "ab" * 8])
def test_a_trace_id_of_another_form_costs_itself_and_is_counted(trace_id: str) -> None:
    body = f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"traceId":"{trace_id}","spanId":"{"ab" * 8}"}}]}}]}}]}}'
    intake = OtlpLogs().decode(request_to("/v1/logs", body.encode()), SeriesTable())
    (block,) = intake.batch.logs
    assert (block.trace.tolist(), block.span.tolist()) == ([0], [0xABABABABABABABAB])
    assert (intake.answer.body, intake.omitted) == (b"{}", {"traceId": 1})
