"""Exponential histograms become ranges on one grid, whatever scale the sender has."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.otlp_metrics import OtlpMetrics
from akeso.ports.source import IngestRequest, Intake
from akeso.protocols.otlp.exponential_histogram import GRID, MOST_BUCKETS, mirrored, ranges, zero
from akeso.testing.requests.otlp import DELTA, Metrics, as_json
from akeso.testing.requests.sources import request_to

JSON, PROTOBUF = "application/json", "application/x-protobuf"
CART = {"service.name": "cart", "service.instance.id": "cart-1"}
BUCKETS = st.lists(st.integers(0, 1000), min_size=1, max_size=40)


def asked(sent: Metrics, content_type: str) -> IngestRequest:
    body = as_json(sent.request) if content_type == JSON else bytes(sent)
    return request_to("/v1/metrics", body, content_type)


def points(intake: Intake, table: SeriesTable) -> dict[SeriesKey, float]:
    block = intake.batch.metrics
    return {table[i]: value for i, value in zip(block.series.tolist(), block.value.tolist(), strict=True)}


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
def test_a_point_is_a_count_a_sum_and_its_occupied_ranges(content_type: str) -> None:
    sent = Metrics(CART)
    point = sent.exponential("h", 9, 4.5, scale=2, temporality=DELTA)
    point.positive.offset = -4
    point.positive.bucket_counts.extend([3, 0, 0, 0, 2])
    point.negative.bucket_counts.extend([1])
    point.zero_count, point.zero_threshold = 3, 0.25
    table = SeriesTable()
    found = points(OtlpMetrics().decode(asked(sent, content_type), table), table)
    told = sorted(
        (float(labels["gt"]), float(labels["le"]), value)
        for key, value in found.items()
        if key.stat == "range" and (labels := dict(key.attributes))
    )
    root = 2**0.25
    expected = [(-root, -1.0, 1), (0.0, 0.25, 3), (0.5, 0.5 * root, 3), (1.0, root, 2)]
    assert told == [pytest.approx(each) for each in expected]
    assert {key.stat: value for key, value in found.items() if key.stat != "range"} == {"count": 9, "sum": 4.5}
    assert {key.temporality for key in found} == {Temporality.DELTA}
    assert {(key.service, dict(key.attributes)["service.instance.id"]) for key in found} == {("cart", "cart-1")}


def test_ranges_that_come_and_go_keep_their_series() -> None:
    source, table = OtlpMetrics(), SeriesTable()
    for counts in ([5], [5, 1], [5], [0, 2]):
        sent = Metrics(CART)
        point = sent.exponential("h", sum(counts), 1.0, temporality=DELTA)
        point.positive.bucket_counts.extend(counts)
        source.decode(asked(sent, PROTOBUF), table)
    assert [key.stat for key in table.keys] == ["count", "sum", "range", "range"]


@given(offset=st.integers(-5000, 5000), counts=BUCKETS, finer=st.integers(1, 8))
def test_a_finer_scale_falls_onto_the_same_ranges(offset: int, counts: list[int], finer: int) -> None:
    share = 2**finer
    spread = [count if place == 0 else 0 for count in counts for place in range(share)]
    one = dict(ranges(GRID, offset, counts))
    other = dict(ranges(GRID + finer, offset * share, spread))
    assert one == other
    assert sum(one.values()) == sum(counts)


@given(scale=st.integers(-10, 20), offset=st.integers(-(2**31), 2**31 - 1), counts=BUCKETS)
def test_nothing_is_lost_and_bounds_are_finite_and_in_order(scale: int, offset: int, counts: list[int]) -> None:
    told = dict(ranges(scale, offset, counts))
    assert sum(told.values()) == sum(counts)
    assert all(math.isfinite(upto) and 0 <= above < upto for above, upto in told)


@given(exponent=st.floats(-20, 20), scale=st.integers(-2, 12))
def test_a_value_lies_in_the_range_that_counts_it(exponent: float, scale: int) -> None:
    value = 2.0**exponent
    index = math.ceil(exponent * 2.0**scale) - 1
    ((above, upto),) = dict(ranges(scale, index, [1]))
    assert above * (1 - 1e-9) <= value <= upto * (1 + 1e-9)


def test_negative_buckets_are_told_the_other_way_round() -> None:
    assert dict(mirrored(ranges(0, 1, [7]))) == {(-4.0, -2.0): 7}
    assert list(zero(0.0, 0)) == []


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
@pytest.mark.parametrize("scale", [-11, 21, 2**31 - 1])
def test_a_scale_that_nobody_needs_is_rejected_and_the_rest_is_taken(content_type: str, scale: int) -> None:
    sent = Metrics(CART)
    sent.exponential("h", 9, 4.5, scale=scale)
    sent.gauge("g", 1.0)
    table = SeriesTable()
    intake = OtlpMetrics().decode(asked(sent, content_type), table)
    assert [key.metric for key in points(intake, table)] == ["g"]
    assert b"scale" in intake.answer.body


def test_more_buckets_than_anybody_has_are_refused() -> None:
    with pytest.raises(InvalidInput, match="bucketCounts"):
        list(ranges(20, 0, np.ones(MOST_BUCKETS + 1).tolist()))
