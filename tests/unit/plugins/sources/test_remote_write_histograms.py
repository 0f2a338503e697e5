"""Native histograms become a count, a sum and a series a bucket."""

import math

import numpy as np
import pytest

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.stages.features.features import FeatureBuilder
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import (
    AT_MS,
    SECOND,
    STALE,
    SecondRequest,
    first_request,
    first_series,
    native_histogram,
    write_request,
)

LABELS = {"__name__": "http_request_seconds", "service": "cart"}
CUSTOM, GAUGE_HINT = -53, 3
VERSIONS = pytest.mark.parametrize("version", [1, 2])


def told(version: int, histogram: bytes, source: RemoteWrite | None = None) -> dict[SeriesKey, float]:
    """What a histogram becomes, sent twice: the second time its series are known."""
    source, table = source or RemoteWrite(), SeriesTable()
    if version == 1:
        request = write_request(first_request(first_series(LABELS, more=wire.text(4, histogram))))
    else:
        request = write_request(bytes(SecondRequest().add_raw(LABELS, wire.text(3, histogram))), SECOND)
    first, second = (source.decode(request, table).batch.metrics for _ in range(2))
    assert first.series.tolist() == second.series.tolist()
    assert set(second.time.tolist()) <= {AT_MS * 1_000_000}
    return {table[i]: value for i, value in zip(second.series.tolist(), second.value.tolist(), strict=True)}


def bounds(found: dict[SeriesKey, float], stat: str) -> dict[tuple[float, float], float]:
    """Lower and upper bound of each bucket or range, with its value."""
    labelled = [(dict(key.attributes), value) for key, value in found.items() if key.stat == stat]
    return {(float(labels.get("gt", "nan")), float(labels["le"])): value for labels, value in labelled}


@VERSIONS
def test_a_histogram_is_a_count_a_sum_and_its_occupied_ranges(version: int) -> None:
    # Schema 0: bucket i holds what is up to 2 ** i. Two buckets at 1 and 2, one at 5.
    found = told(version, native_histogram(8, 30.5, 0, [(1, 2), (2, 1)], [3, -1, 1]))
    assert {key.stat: value for key, value in found.items() if key.stat != "range"} == {"count": 8, "sum": 30.5}
    assert bounds(found, "range") == {(1.0, 2.0): 3, (2.0, 4.0): 2, (16.0, 32.0): 3}
    assert {(key.service, key.metric, key.unit, key.temporality) for key in found} == {
        ("cart", "http_request_seconds", "s", Temporality.CUMULATIVE)
    }


@VERSIONS
def test_the_zero_bucket_and_negative_buckets_are_ranges_as_well(version: int) -> None:
    negative = wire.text(8, wire.number(1, wire.zigzag(1)) + wire.number(2, 1)) + wire.numbers(9, [wire.zigzag(4)])
    more = wire.double(5, 0.25) + wire.number(6, 5) + negative
    found = told(version, native_histogram(9, 1.0, 0, [], [], more))
    assert bounds(found, "range") == {(-2.0, -1.0): 4, (0.0, 0.25): 5}


@VERSIONS
def test_runs_that_share_a_range_of_the_grid_add_up(version: int) -> None:
    # Schema 4 has sixteen buckets a doubling; the grid has four.
    found = told(version, native_histogram(3, 1.0, 4, [(1, 1), (1, 1)], [1, 1]))
    ((above, upto), inside), *others = bounds(found, "range").items()
    assert (above, inside, others) == (1.0, 3, [])
    assert upto == pytest.approx(2**0.25)


@VERSIONS
def test_custom_buckets_count_up_to_their_bounds(version: int) -> None:
    custom = wire.text(16, np.array([0.1, 1.0, 5.0], "<f8").tobytes())
    found = told(version, native_histogram(6, 9.0, CUSTOM, [(0, 1), (1, 2)], [2, 1, -2], custom))
    assert {upto: value for (_, upto), value in bounds(found, "bucket").items()} == {
        0.1: 2,
        1.0: 2,
        5.0: 5,
        math.inf: 6,
    }


@VERSIONS
def test_float_histograms_are_read(version: int) -> None:
    spans = wire.text(11, wire.number(1, wire.zigzag(1)) + wire.number(2, 2))
    counts = wire.text(13, np.array([0.5, 1.5], "<f8").tobytes())
    found = told(version, wire.double(2, 2.0) + wire.double(3, 3.0) + spans + counts + wire.number(15, AT_MS))
    assert bounds(found, "range") == {(1.0, 2.0): 0.5, (2.0, 4.0): 1.5}


@VERSIONS
def test_a_gauge_histogram_tells_its_count_and_sum_as_levels(version: int) -> None:
    found = told(version, native_histogram(3, 4.5, 0, [(1, 1)], [3], wire.number(14, GAUGE_HINT)))
    assert {(key.metric, key.stat): value for key, value in found.items()} == {
        ("http_request_seconds_gcount", ""): 3,
        ("http_request_seconds_gsum", ""): 4.5,
    }
    assert {key.temporality for key in found} == {Temporality.GAUGE}


@VERSIONS
def test_a_stale_marker_says_nothing(version: int) -> None:
    assert told(version, wire.double(3, STALE) + wire.number(15, AT_MS)) == {}


@VERSIONS
def test_observations_that_were_no_numbers_are_in_no_bucket(version: int) -> None:
    found = told(version, native_histogram(5, math.nan, 0, [(1, 1)], [3]))
    assert {key.stat: value for key, value in found.items()} == {"count": 5, "range": 3}


def many(field: int, length: int) -> bytes:
    return wire.text(field, wire.number(2, length))


@VERSIONS
@pytest.mark.parametrize(
    ("histogram", "reason"),
    [
        (native_histogram(9, 1.0, 0, [(1, 1)], [2]), "counts 9 observations, and 2 in its buckets"),
        (native_histogram(1, 1.0, 0, [(1, 1)], [2]), "counts 1 observations, and 2 in its buckets"),
        (native_histogram(2, 1.0, 0, [(1, 2)], [2]), "spans for 2 buckets and counts for 1"),
        (native_histogram(2, 1.0, 0, [(1, 2)], [2, -3]), "less than nothing"),
        (native_histogram(2, 1.0, 99, [(1, 1)], [2]), "schema 99"),
        (native_histogram(0, 1.0, 0, [(1, 20_000)], [0] * 20_000), "more than 10000 buckets"),
        (native_histogram(0, 1.0, 0, [(1, 2**31)], []), "spans for 2147483648 buckets"),
        (native_histogram(2, 1.0, CUSTOM, [(3, 1)], [2]), "beyond its 0 bounds"),
        (
            native_histogram(0, 1.0, CUSTOM, [], [], wire.text(16, np.array([2.0, 1.0], "<f8").tobytes())),
            "each above the one before",
        ),
        (wire.double(2, -1.0) + wire.number(15, AT_MS), "less than nothing"),
    ],
)
def test_a_histogram_that_does_not_hold_together_is_refused(version: int, histogram: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        told(version, histogram)
    assert refused.value.field == "timeseries[0].histograms"


def test_quantiles_come_out_of_the_features() -> None:
    """A thousand latencies a second for some seconds: the 95th percentile is told within a grid's width."""
    source, ingest, features = RemoteWrite(), SeriesTable(), SeriesTable()
    builder = FeatureBuilder(ingest, features)
    latencies = np.random.default_rng(1).lognormal(-3, 0.5, 1000)
    schema = 3
    index = np.ceil(np.log2(latencies) * 2**schema).astype(int)
    first, counts = int(index.min()), np.bincount(index - index.min())
    for second in range(6):
        growing = counts * (second + 1)
        deltas = np.diff(growing, prepend=0).tolist()
        total = float(latencies.sum() * (second + 1))
        sent = native_histogram(int(growing.sum()), total, schema, [(first, len(counts))], deltas)
        at = AT_MS + second * 1000
        moved = sent.replace(wire.number(15, AT_MS), wire.number(15, at))
        request = SecondRequest().add_raw(LABELS, wire.text(3, moved))
        batch = source.decode(write_request(bytes(request), SECOND), ingest).batch
        builder.add(TelemetryBatch(batch.tenant, at * 1_000_000, metrics=batch.metrics))
    *_, last = builder.close_until((AT_MS + 6000) * 1_000_000)
    told_ms = {
        key.stat: last.frame.values[i] for i, key in enumerate(features.keys) if key.metric == LABELS["__name__"]
    }
    assert told_ms["p95"] == pytest.approx(np.quantile(latencies, 0.95) * 1e3, rel=0.1)
    assert told_ms["mean"] == pytest.approx(latencies.mean() * 1e3, rel=1e-6)
