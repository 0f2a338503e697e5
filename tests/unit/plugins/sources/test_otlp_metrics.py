import json

import numpy as np
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.otlp_metrics import OtlpMetrics
from akeso.ports.source import IngestRequest, Intake
from akeso.testing.requests.otlp import AT, CUMULATIVE, DELTA, Metrics, as_json
from akeso.testing.requests.sources import RECEIVED_AT, request_to

CART = {"service.name": "cart", "service.instance.id": "cart-1", "host.name": "h"}
INSTANCE = ("service.instance.id", "cart-1")
ENCODINGS = ("application/x-protobuf", "application/json")


def encoded(request: Message, content_type: str) -> IngestRequest:
    body = as_json(request) if content_type == "application/json" else request.SerializeToString()
    return request_to("/v1/metrics", body, content_type)


class Decoded:
    """A decoded request with its points by series."""

    def __init__(self, request: IngestRequest) -> None:
        self.table = SeriesTable()
        self.intake: Intake = OtlpMetrics().decode(request, self.table)
        block = self.intake.batch.metrics
        self.points = {self.table[i]: v for i, v in zip(block.series, block.value.tolist(), strict=True)}
        self.times = block.time

    def by_bound(self) -> dict[str, float]:
        return {dict(key.attributes)["le"]: value for key, value in self.points.items() if key.stat == "bucket"}


@pytest.fixture(params=ENCODINGS)
def content_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_gauge_is_a_series_with_its_labels_and_its_instance(content_type: str) -> None:
    sent = Metrics(CART)
    sent.gauge("process.cpu.utilization", 0.25, {"state": "user", "core": 3, "hot": True})
    found = Decoded(encoded(sent.request, content_type))
    key = SeriesKey(
        "default",
        "cart",
        "process.cpu.utilization",
        (("core", "3"), ("hot", "true"), INSTANCE, ("state", "user")),
    )
    assert found.points == {key: 0.25}
    assert found.times.tolist() == [AT]
    assert found.intake.batch.received_at == RECEIVED_AT


def test_a_known_series_keeps_its_id_whatever_the_encoding() -> None:
    sent, table, source = Metrics(CART), SeriesTable(), OtlpMetrics()
    sent.gauge("a", 1, {"x": "1"})
    sent.histogram("h", [1, 2], [0.5])
    blocks = [source.decode(encoded(sent.request, kind), table).batch.metrics for kind in (*ENCODINGS, *ENCODINGS)]
    assert len(table) == 5
    for block in blocks:
        assert block.series.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(block.value, blocks[0].value)


def test_another_table_gets_its_own_ids() -> None:
    sent, source = Metrics(CART), OtlpMetrics()
    sent.gauge("a", 1)
    tables = SeriesTable(), SeriesTable([SeriesKey("t", "other", "m")])
    ids = [source.decode(encoded(sent.request, ENCODINGS[0]), table).batch.metrics.series.tolist() for table in tables]
    assert ids == [[0], [1]]


@pytest.mark.parametrize(
    ("temporality", "monotonic", "expected"),
    [
        (CUMULATIVE, True, Temporality.CUMULATIVE),
        (DELTA, True, Temporality.DELTA),
        (CUMULATIVE, False, Temporality.GAUGE),
        (DELTA, False, Temporality.DELTA),
    ],
)
def test_sums_keep_their_temporality_and_those_that_may_fall_are_levels(
    content_type: str, temporality: int, monotonic: bool, expected: Temporality
) -> None:
    sent = Metrics(CART)
    sent.sum("requests", 7, temporality, monotonic)
    key = SeriesKey("default", "cart", "requests", (INSTANCE,), "1", expected)
    assert Decoded(encoded(sent.request, content_type)).points == {key: 7.0}


def test_a_histogram_becomes_count_sum_and_a_bucket_for_each_bound(content_type: str) -> None:
    sent = Metrics({"service.name": "cart"})
    sent.histogram("http.server.request.duration", [1, 0, 4, 2], [0.005, 0.01, 10])
    found = Decoded(encoded(sent.request, content_type))
    plain = SeriesKey("default", "cart", "http.server.request.duration", (), "s", Temporality.DELTA, "count")
    assert found.points[plain] == 7
    assert {key.stat: value for key, value in found.points.items()} == {"count": 7, "sum": 12.5, "bucket": 7}
    assert found.by_bound() == {"0.005": 1, "0.01": 1, "10.0": 5, "+Inf": 7}
    assert {key.temporality for key in found.points} == {Temporality.DELTA}


def test_a_histogram_without_buckets_or_sum_is_its_count(content_type: str) -> None:
    sent = Metrics(CART)
    point = sent.histogram("h", [], [])
    point.count = 3
    point.ClearField("sum")
    found = Decoded(encoded(sent.request, content_type))
    assert {key.stat: value for key, value in found.points.items()} == {"count": 3}


def test_exponential_histograms_give_count_and_sum(content_type: str) -> None:
    sent = Metrics(CART)
    sent.exponential("h", 4, 2.5)
    found = Decoded(encoded(sent.request, content_type))
    assert {key.stat: value for key, value in found.points.items()} == {"count": 4, "sum": 2.5}


def test_summaries_give_count_sum_and_quantiles_as_levels(content_type: str) -> None:
    sent = Metrics({"service.name": "cart"})
    sent.summary("rpc", 4, 2.5, {0.5: 0.1, 0.99: 0.7})
    found = Decoded(encoded(sent.request, content_type))
    stats = {(key.stat, key.attributes): (key.temporality, value) for key, value in found.points.items()}
    assert stats == {
        ("count", ()): (Temporality.CUMULATIVE, 4),
        ("sum", ()): (Temporality.CUMULATIVE, 2.5),
        ("quantile", (("quantile", "0.5"),)): (Temporality.GAUGE, 0.1),
        ("quantile", (("quantile", "0.99"),)): (Temporality.GAUGE, 0.7),
    }


def test_points_without_a_number_are_skipped(content_type: str) -> None:
    sent = Metrics(CART)
    sent.gauge("nan", float("nan"))
    sent.gauge("inf", float("inf"))
    sent.gauge("stale", 3).flags = 1
    sent.gauge("zero", 0.0)
    found = Decoded(encoded(sent.request, content_type))
    assert {key.metric: value for key, value in found.points.items()} == {"zero": 0.0}


def test_what_has_no_name_is_the_host_that_it_names(content_type: str) -> None:
    sent = Metrics({"host.name": "h", "service.name": "unknown_service:python"})
    sent.gauge("a", 1)
    assert {key.service for key in Decoded(encoded(sent.request, content_type)).points} == {"h"}


def test_what_runs_beside_production_has_its_environment_before_its_name(content_type: str) -> None:
    sent = Metrics({"service.name": "cart", "deployment.environment.name": "staging"})
    sent.gauge("a", 1)
    assert {key.service for key in Decoded(encoded(sent.request, content_type)).points} == {"staging/cart"}


def test_a_service_without_a_name_is_the_unknown_service(content_type: str) -> None:
    sent = Metrics({"os.type": "linux"})
    sent.gauge("a", 1)
    assert {key.service for key in Decoded(encoded(sent.request, content_type)).points} == {"unknown_service"}


def test_a_point_without_a_time_is_of_its_arrival(content_type: str) -> None:
    sent = Metrics(CART)
    sent.gauge("a", 1, at=0)
    assert Decoded(encoded(sent.request, content_type)).times.tolist() == [RECEIVED_AT]


def test_an_accepted_request_is_answered_in_its_own_encoding(content_type: str) -> None:
    sent = Metrics(CART)
    sent.gauge("a", 1)
    answer = Decoded(encoded(sent.request, content_type)).intake.answer
    assert (answer.status, answer.content_type) == (200, content_type)
    assert answer.body == (b"{}" if content_type == "application/json" else b"")


def test_what_cannot_be_understood_is_rejected_with_partial_success(content_type: str) -> None:
    sent = Metrics(CART)
    sent.gauge("good", 1)
    sent.sum("timeless", 1, temporality=0)
    sent.histogram("crooked", [1, 2], [0.1, 0.2, 0.3])
    found = Decoded(encoded(sent.request, content_type))
    assert {key.metric for key in found.points} == {"good"}
    body = found.intake.answer.body
    if content_type == "application/json":
        partial = json.loads(body)["partialSuccess"]
        assert (partial["rejectedDataPoints"], "timeless" in partial["errorMessage"]) == ("2", True)
    else:
        success = ExportMetricsServiceResponse.FromString(body).partial_success
        assert (success.rejected_data_points, "timeless" in success.error_message) == (2, True)


def test_a_point_with_neither_value_nor_flag_is_refused(content_type: str) -> None:
    sent = Metrics(CART)
    sent.gauge("a", 1).ClearField("as_double")
    with pytest.raises(InvalidInput, match="dataPoints"):
        Decoded(encoded(sent.request, content_type))


def test_a_time_beyond_all_calendars_is_refused() -> None:
    sent = Metrics(CART)
    sent.gauge("a", 1, at=2**64 - 1)
    with pytest.raises(InvalidInput, match="timeUnixNano"):
        Decoded(encoded(sent.request, "application/x-protobuf"))


def test_json_may_write_integers_as_text_or_numbers_and_null_for_defaults() -> None:
    point = {"asInt": "42", "timeUnixNano": AT, "attributes": None}
    body = {"resourceMetrics": [{"resource": None, "scopeMetrics": [{"metrics": [
        {"name": "m", "unit": None, "gauge": {"dataPoints": [point, point | {"asInt": 43}]}, "novelty": [1, {}]}
    ]}]}]}  # fmt: skip
    block = Decoded(request_to("/v1/metrics", json.dumps(body).encode())).intake.batch.metrics
    assert block.value.tolist() == [42.0, 43.0]


def test_a_wrong_type_is_refused_with_the_path_of_the_field() -> None:
    body = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":5}]}]}]}'
    with pytest.raises(InvalidInput) as refused:
        Decoded(request_to("/v1/metrics", body))
    assert refused.value.field == "resourceMetrics[0].scopeMetrics[0].metrics[0].name"


def test_an_unknown_content_type_is_refused() -> None:
    with pytest.raises(InvalidInput, match="content-type"):
        Decoded(request_to("/v1/metrics", b"", "text/plain"))


def test_a_source_that_knows_too_many_label_sets_starts_anew() -> None:
    sent, table, source = Metrics(CART), SeriesTable(), OtlpMetrics(known_limit=2)
    for number in range(5):
        sent.gauge("a", 1, {"n": number})
    ids = [source.decode(encoded(sent.request, ENCODINGS[0]), table).batch.metrics.series.tolist() for _ in range(3)]
    assert ids == [[0, 1, 2, 3, 4]] * 3
