"""A tenant that has all the series it may have: known ones go on, new ones are refused in each protocol's own words."""

import json

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import MetricBlock, SeriesKey
from akeso.domain.telemetry.series import OVERFLOW, SeriesTable
from akeso.plugins.sources.otlp_metrics import OtlpMetrics
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.plugins.sources.simple_event import SimpleEvent
from akeso.testing.requests.otlp import Metrics
from akeso.testing.requests.remote_write import AT_MS, first_request, first_series, write_request
from akeso.testing.requests.sources import request_to

PROTOBUF = "application/x-protobuf"


def gauges(*names: str) -> bytes:
    metrics = Metrics({"service.name": "cart"})
    for name in names:
        metrics.gauge(name, 1.0)
    return bytes(metrics)


def written(*names: str) -> bytes:
    return first_request(*(first_series({"__name__": name, "job": "cart"}, [(AT_MS, 1.0)]) for name in names))


def test_a_table_gives_further_keys_of_a_tenant_one_id_and_leaves_others_alone() -> None:
    table = SeriesTable(most=2)
    first = table.intern_all(SeriesKey("a", "s", name) for name in ("x", "y", "z", "w", "x"))
    assert first[2] == first[3] not in first[:2]
    assert first[4] == first[0]
    assert table[int(first[2])].metric == OVERFLOW
    assert table[table.intern(SeriesKey("b", "s", "z"))].metric == "z"
    assert table.find(SeriesKey("a", "s", "z")) is None
    assert len(table) == 4
    block = MetricBlock(first, first.astype("i8"), first.astype("f8"))
    assert len(table.within(block, "a")) == 3
    assert table.within(block, "b") is block


def test_otlp_tells_of_a_partial_success_and_keeps_what_is_known() -> None:
    source, table = OtlpMetrics(), SeriesTable(most=2)
    source.decode(request_to("/v1/metrics", gauges("a", "b"), PROTOBUF), table)
    for _ in range(2):
        intake = source.decode(request_to("/v1/metrics", gauges("a", "c", "b", "d"), PROTOBUF), table)
        assert [table[i].metric for i in intake.batch.metrics.series] == ["a", "b"]
        partial = ExportMetricsServiceResponse.FromString(intake.answer.body).partial_success
        assert (intake.answer.status, partial.rejected_data_points) == (200, 2)
        assert "ingestion.series" in partial.error_message
        assert "2" in partial.error_message
    assert len(table) == 3


def test_remote_write_answers_400_once_the_rest_is_taken_so_that_nobody_sends_it_again() -> None:
    source, table = RemoteWrite(), SeriesTable(most=1)
    assert source.decode(write_request(written("a"), encoding="identity"), table).answer.status == 204
    intake = source.decode(write_request(written("a", "b"), encoding="identity"), table)
    assert [table[i].metric for i in intake.batch.metrics.series] == ["a"]
    assert intake.answer.status == 400
    assert b"1 points are of new series" in intake.answer.body
    assert intake.answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"


def test_a_simple_event_of_a_new_component_is_refused() -> None:
    source, table = SimpleEvent(), SeriesTable(most=2)
    event = {"component": "cart", "latency": 1, "error_rate": 0}
    source.decode(request_to("/add-event", json.dumps(event).encode()), table)
    with pytest.raises(InvalidInput, match=r"ingestion\.series"):
        source.decode(request_to("/add-event", json.dumps(event | {"component": "new"}).encode()), table)
    assert len(source.decode(request_to("/add-event", json.dumps(event).encode()), table).batch.metrics) == 2
