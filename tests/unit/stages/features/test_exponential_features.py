"""Exponential histograms give means and 95th percentiles, against NumPy's own quantiles."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Floats, SeriesKey, Temporality
from akeso.protocols.otlp.exponential_histogram import ranges
from akeso.testing.feature_bench import FeatureBench

A = (("service.instance.id", "a"),)
B = (("service.instance.id", "b"),)
DURATION = SeriesKey("acme", "cart", "http.server.request.duration", A, "s", Temporality.CUMULATIVE)
DELTA = replace(DURATION, temporality=Temporality.DELTA)
NAME = "http.server.request.duration"


def export(time: float, seen: Floats, key: SeriesKey = DURATION, scale: int = 5) -> list[Any]:
    """The points of one export. seen: all observations that it tells of, in seconds."""
    index = np.ceil(np.log2(seen) * 2.0**scale).astype(np.int64) - 1
    first = int(index.min())
    points = [(replace(key, stat="count"), time, float(len(seen))), (replace(key, stat="sum"), time, float(seen.sum()))]
    for (above, upto), inside in ranges(scale, first, np.bincount(index - first).tolist()):
        bounds = (("gt", str(above)), ("le", str(upto)))
        each = replace(key, stat="range", attributes=tuple(sorted((*key.attributes, *bounds))))
        points.append((each, time, inside))
    return points


def p95(bench: FeatureBench, end: float) -> float:
    return float(bench.value(end, "cart", NAME, "p95"))


@pytest.fixture
def latencies() -> Floats:
    """5,000 lognormal latencies around 50 ms."""
    return np.exp(np.random.default_rng(5).normal(math.log(0.05), 0.7, 5000))


@pytest.mark.parametrize("scale", [2, 5, 9])
def test_delta_points_give_the_quantile_of_numpy_whatever_the_scale(
    bench: FeatureBench, latencies: Floats, scale: int
) -> None:
    bench.send(1.0, *export(0.5, latencies, DELTA, scale))
    bench.close(1)
    assert p95(bench, 1) == pytest.approx(np.quantile(latencies, 0.95) * 1000, rel=0.03)
    assert bench.value(1, "cart", NAME, "mean") == pytest.approx(latencies.mean() * 1000)
    assert bench.value(1, "cart", NAME, "rate") == pytest.approx(5000)


def test_cumulative_points_give_the_quantile_of_what_was_new(bench: FeatureBench, latencies: Floats) -> None:
    slow = latencies * 20
    bench.begin(replace(bench.builder.options, rolling_slots=1))
    bench.send(1.0, *export(0.5, latencies))
    bench.send(2.0, *export(1.5, np.concatenate((latencies, slow))))
    bench.close(2)
    # Most of the slow ones lie in ranges that were never told before: they were empty, not unknown.
    assert p95(bench, 2) == pytest.approx(np.quantile(slow, 0.95) * 1000, rel=0.03)
    assert bench.value(2, "cart", NAME, "mean") == pytest.approx(slow.mean() * 1000)


def test_the_first_cumulative_export_says_nothing_of_now(bench: FeatureBench, latencies: Floats) -> None:
    bench.send(1.0, *export(0.5, latencies))
    bench.close(1)
    assert math.isnan(p95(bench, 1))


def test_a_restart_of_the_sender_counts_from_zero(bench: FeatureBench, latencies: Floats) -> None:
    fresh = latencies[:500] * 4
    bench.begin(replace(bench.builder.options, rolling_slots=1))
    bench.send(1.0, *export(0.5, latencies))
    bench.send(2.0, *export(1.5, np.concatenate((latencies, latencies))))
    bench.send(3.0, *export(2.5, fresh))
    bench.close(3)
    assert p95(bench, 3) == pytest.approx(np.quantile(fresh, 0.95) * 1000, rel=0.05)


def test_instances_of_different_scales_are_one_distribution(bench: FeatureBench, latencies: Floats) -> None:
    other = replace(DELTA, attributes=B)
    slow = latencies * 3
    bench.send(1.0, *export(0.5, latencies, DELTA, 3), *export(0.5, slow, other, 8))
    bench.close(1)
    both = np.concatenate((latencies, slow))
    assert p95(bench, 1) == pytest.approx(np.quantile(both, 0.95) * 1000, rel=0.03)


def test_a_scale_that_falls_in_between_disturbs_nothing(bench: FeatureBench, latencies: Floats) -> None:
    bench.begin(replace(bench.builder.options, rolling_slots=1))
    bench.send(1.0, *export(0.5, latencies, DURATION, 8))
    bench.send(2.0, *export(1.5, np.concatenate((latencies, latencies)), DURATION, 4))
    bench.close(2)
    assert p95(bench, 2) == pytest.approx(np.quantile(latencies, 0.95) * 1000, rel=0.03)


def test_explicit_and_exponential_instances_of_one_metric_are_one_distribution(
    bench: FeatureBench, latencies: Floats
) -> None:
    other = replace(DELTA, attributes=B)
    bounds = (0.05, 0.1, 0.2, 0.5, math.inf)
    points = [(replace(other, stat="count"), 0.5, 5000.0), (replace(other, stat="sum"), 0.5, float(latencies.sum()))]
    for bound in bounds:
        label = ("le", "+Inf" if math.isinf(bound) else str(bound))
        bucket = replace(other, stat="bucket", attributes=tuple(sorted((*B, label))))
        points.append((bucket, 0.5, float((latencies <= bound).sum())))
    bench.send(1.0, *points, *export(0.5, latencies, DELTA))
    bench.close(1)
    assert p95(bench, 1) == pytest.approx(np.quantile(latencies, 0.95) * 1000, rel=0.15)
