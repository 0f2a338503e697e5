"""Points of known series are decoded by columns, and to the same as one by one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import MetricBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.otlp_metrics import OtlpMetrics
from akeso.ports.source import IngestRequest
from akeso.protocols.instant import EARLIEST
from akeso.testing.requests.otlp import AT

POINT = st.fixed_dictionaries(
    {
        "time_unix_nano": st.just(0) | st.integers(EARLIEST, 2**63 - 1),
        "value": st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1),
    },
    optional={
        "start_time_unix_nano": st.integers(1, 2**63 - 1),
        "flags": st.sampled_from([0, 1, 2]),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=200), max_size=3),
        "exemplar": st.booleans(),
    },
)


def body(points: list[dict[str, object]]) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="free", unit="By")
    for given_ in points:
        plain = {name: value for name, value in given_.items() if name not in {"labels", "exemplar", "value"}}
        value = given_.get("value", 1.5)
        plain["as_int" if isinstance(value, int) else "as_double"] = value
        point = metric.gauge.data_points.add(**plain)
        labels = given_.get("labels", {})
        assert isinstance(labels, dict)
        for key, value in labels.items():
            point.attributes.add(key=key).value.string_value = value
        if given_.get("exemplar"):
            point.exemplars.add(time_unix_nano=AT, as_double=2.0)
    return request.SerializeToString()


def decoded(source: OtlpMetrics, data: bytes, table: SeriesTable) -> MetricBlock:
    headers = {"content-type": "application/x-protobuf"}
    return source.decode(IngestRequest("/v1/metrics", headers, data, "default", AT), table).batch.metrics


def rows(block: MetricBlock) -> list[tuple[int, int, float]]:
    columns = (block.series.tolist(), block.time.tolist(), block.value.tolist())
    return sorted(zip(*columns, strict=True))


@given(st.lists(POINT, max_size=6))
def test_a_second_request_is_read_like_the_first(points: list[dict[str, object]]) -> None:
    data, source, table = body(points), OtlpMetrics(), SeriesTable()
    first = rows(decoded(source, data, table))
    assert rows(decoded(source, data, table)) == first
    wanted = [
        (p["time_unix_nano"] or AT, float(p["value"]))  # type: ignore[arg-type]
        for p in points
        if p.get("flags") != 1
    ]
    assert sorted((time, value) for _, time, value in first) == sorted(w for w in wanted if math.isfinite(w[1]))


def test_known_bytes_behind_something_else_are_no_point_of_that_series() -> None:
    data, source, table = body([{"time_unix_nano": AT, "labels": {"a": "b"}}]), OtlpMetrics(), SeriesTable()
    decoded(source, data, table)
    # The time's tag becomes one that no field has: a message still, and its point has no time.
    odd = data.replace(b"\x19" + AT.to_bytes(8, "little"), b"\xf9" + AT.to_bytes(8, "little"))
    assert odd != data
    with pytest.raises(InvalidInput):
        decoded(source, odd, table)
