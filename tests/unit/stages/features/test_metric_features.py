"""Metrics become levels, rates and distributions of slots."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.domain.telemetry.signal import Signal
from akeso.stages.features.metric_meanings import signal_of
from akeso.testing.feature_bench import FeatureBench

A = (("service.instance.id", "a"),)
B = (("service.instance.id", "b"),)
CPU = SeriesKey("acme", "cart", "process.cpu.utilization", unit="1", attributes=A)
QUEUE = SeriesKey("acme", "cart", "worker.queue.length", unit="{request}", attributes=A)
COUNTER = SeriesKey("acme", "cart", "requests", unit="1", attributes=A, temporality=Temporality.CUMULATIVE)
DURATION = replace(COUNTER, metric="http.server.request.duration", unit="s")
BOUNDS = (0.1, 0.2, 0.5, math.inf)


def of(key: SeriesKey, instance: Any) -> SeriesKey:
    return replace(key, attributes=instance)


def histogram(time: float, counts: tuple[int, ...], total: float, key: SeriesKey = DURATION) -> list[Any]:
    """The points of one export; counts: observations per bucket so far."""
    running = [sum(counts[: number + 1]) for number in range(len(counts))]
    points = [(replace(key, stat="count"), time, float(running[-1])), (replace(key, stat="sum"), time, total)]
    for bound, value in zip(BOUNDS, running, strict=True):
        label = ("le", "+Inf" if math.isinf(bound) else str(bound))
        bucket = replace(key, stat="bucket", attributes=tuple(sorted((*key.attributes, label))))
        points.append((bucket, time, float(value)))
    return points


def test_the_last_value_of_a_slot_is_its_level(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.2, 5.0), (QUEUE, 0.9, 7.0), (QUEUE, 0.5, 6.0))
    bench.close(1)
    assert bench.value(1, "cart", "worker.queue.length") == 7.0


def test_a_level_that_turns_out_to_be_a_counter_goes_on_as_its_rate(bench: FeatureBench) -> None:
    taken_for = replace(COUNTER, temporality=Temporality.GAUGE)
    for second in range(8):
        bench.send(second + 0.9, (taken_for, second + 0.5, 1e6 + 3.0 * second))
    bench.ingest.mend(bench.ingest.intern(taken_for), COUNTER)
    for second in range(8, 12):
        bench.send(second + 0.9, (COUNTER, second + 0.5, 1e6 + 3.0 * second))
    bench.close(12)
    assert len(bench.ingest) == 1
    rates = [bench.value(end, "cart", "requests", "rate") for end in (9, 10, 12)]
    assert rates == [pytest.approx(3.0)] * 3


def test_a_gauge_that_was_not_exported_is_missing(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.5, 5.0))
    bench.send(3.0, (QUEUE, 2.5, 6.0))
    bench.close(3)
    assert [bench.value(end, "cart", "worker.queue.length") for end in (1, 3)] == [5.0, 6.0]
    assert math.isnan(bench.value(2, "cart", "worker.queue.length"))


def test_instances_are_summed_for_counts_and_averaged_for_shares(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.5, 5.0), (of(QUEUE, B), 0.5, 3.0), (CPU, 0.5, 0.2), (of(CPU, B), 0.5, 0.6))
    bench.close(1)
    assert bench.value(1, "cart", "worker.queue.length") == 8.0
    assert bench.value(1, "cart", "process.cpu.utilization") == pytest.approx(0.4)


def test_an_instance_whose_export_fell_into_the_next_slot_still_counts(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.5, 5.0), (of(QUEUE, B), 0.9, 3.0))
    bench.send(2.1, (QUEUE, 1.5, 5.0), (of(QUEUE, B), 2.05, 3.0))
    bench.close(2)
    assert bench.value(2, "cart", "worker.queue.length") == 8.0


def test_an_instance_that_is_gone_soon_counts_no_more(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.5, 5.0), (of(QUEUE, B), 0.5, 3.0))
    for second in range(1, 7):
        bench.send(second + 1.0, (QUEUE, second + 0.5, 5.0))
    bench.close(7)
    assert bench.value(7, "cart", "worker.queue.length") == 5.0


def test_a_counter_becomes_a_rate_and_a_reset_counts_from_zero(bench: FeatureBench) -> None:
    for second, value in enumerate((100.0, 110.0, 130.0, 4.0)):
        bench.send(second + 1.0, (COUNTER, second + 0.5, value))
    bench.close(4)
    rates = [bench.value(end, "cart", "requests", "rate") for end in (1, 2, 3, 4)]
    assert math.isnan(rates[0])
    assert rates[1:] == pytest.approx([10.0, 20.0, 4.0])


def test_rates_of_instances_are_summed_and_a_restarted_one_is_its_own_series(bench: FeatureBench) -> None:
    bench.send(1.0, (COUNTER, 0.5, 1000.0), (of(COUNTER, B), 0.5, 50.0))
    bench.send(2.0, (COUNTER, 1.5, 1010.0), (of(COUNTER, B), 1.5, 55.0))
    bench.close(2)
    assert bench.value(2, "cart", "requests", "rate") == pytest.approx(15.0)


def test_a_rare_export_is_spread_over_the_time_it_covers(bench: FeatureBench) -> None:
    bench.send(1.0, (COUNTER, 0.5, 0.0))
    bench.send(11.0, (COUNTER, 10.5, 50.0))
    bench.close(11)
    assert bench.value(11, "cart", "requests", "rate") == pytest.approx(5.0)


def test_deltas_are_summed(bench: FeatureBench) -> None:
    delta = replace(COUNTER, temporality=Temporality.DELTA)
    bench.send(1.0, (delta, 0.5, 6.0))
    bench.send(2.0, (delta, 1.25, 3.0), (delta, 1.5, 4.0))
    bench.close(2)
    assert [bench.value(end, "cart", "requests", "rate") for end in (1, 2)] == [6.0, 7.0]


def test_a_counter_that_is_new_on_a_known_instance_began_at_zero(bench: FeatureBench) -> None:
    for second in range(8):
        bench.send(second + 0.6, (QUEUE, second + 0.5, 1.0))
    failures = replace(COUNTER, attributes=(("error.type", "500"), *A))
    bench.send(8.6, (QUEUE, 8.5, 1.0), (failures, 8.5, 9.0))
    bench.close(9)
    assert bench.value(9, "cart", "requests", "rate", **{"error.type": "500"}) == pytest.approx(9.0)


def test_a_histogram_becomes_mean_p95_and_rate_in_milliseconds(bench: FeatureBench) -> None:
    bench.send(1.0, *histogram(0.5, (10, 0, 0, 0), 0.5))
    bench.send(2.0, *histogram(1.5, (20, 9, 1, 0), 2.5))
    bench.close(2)
    metric = "http.server.request.duration"
    assert bench.value(2, "cart", metric, "rate") == pytest.approx(20.0)
    assert bench.value(2, "cart", metric, "mean") == pytest.approx(100.0)
    assert bench.value(2, "cart", metric, "p95") == pytest.approx(200.0)
    keys = {key.stat: key for key in bench.features.keys if key.metric == metric}
    assert {stat: (key.unit, signal_of(key)) for stat, key in keys.items()} == {
        "rate": ("1/s", Signal.TRAFFIC),
        "mean": ("ms", Signal.LATENCY),
        "p95": ("ms", Signal.LATENCY),
    }


def test_a_quantile_beyond_the_last_bound_is_that_bound(bench: FeatureBench) -> None:
    bench.send(1.0, *histogram(0.5, (0, 0, 0, 0), 0.0))
    bench.send(2.0, *histogram(1.5, (0, 0, 0, 10), 90.0))
    bench.close(2)
    assert bench.value(2, "cart", "http.server.request.duration", "p95") == pytest.approx(500.0)


def test_histograms_of_instances_are_one_distribution(bench: FeatureBench) -> None:
    other = replace(DURATION, attributes=B)
    bench.send(1.0, *histogram(0.5, (0, 0, 0, 0), 0.0), *histogram(0.5, (0, 0, 0, 0), 0.0, other))
    bench.send(2.0, *histogram(1.5, (9, 0, 0, 0), 0.45), *histogram(1.5, (0, 0, 1, 0), 0.4, other))
    bench.close(2)
    assert bench.value(2, "cart", "http.server.request.duration", "mean") == pytest.approx(85.0)
    assert bench.value(2, "cart", "http.server.request.duration", "p95") > 200.0


def test_few_observations_have_a_mean_but_no_p95(bench: FeatureBench) -> None:
    bench.send(1.0, *histogram(0.5, (0, 0, 0, 0), 0.0))
    bench.send(2.0, *histogram(1.5, (3, 0, 0, 0), 0.15))
    bench.close(2)
    assert bench.value(2, "cart", "http.server.request.duration", "mean") == pytest.approx(50.0)
    assert math.isnan(bench.value(2, "cart", "http.server.request.duration", "p95"))


def test_repeated_batches_change_nothing(bench: FeatureBench) -> None:
    delta = replace(COUNTER, temporality=Temporality.DELTA)
    for received in (1.0, 1.1, 1.2):
        bench.send(received, (delta, 0.5, 6.0), (QUEUE, 0.5, 5.0))
    bench.send(2.2, (delta, 0.5, 6.0))
    bench.close(3)
    assert bench.value(1, "cart", "requests", "rate") == 6.0
    assert math.isnan(bench.value(2, "cart", "requests", "rate"))
    assert bench.builder.tally.repeated == 5


def test_points_out_of_order_make_the_same_rate(bench: FeatureBench) -> None:
    bench.send(1.0, (COUNTER, 0.5, 100.0))
    bench.send(1.9, (COUNTER, 1.8, 120.0))
    bench.send(2.0, (COUNTER, 1.2, 110.0))
    bench.close(2)
    assert bench.value(2, "cart", "requests", "rate") == pytest.approx(20 / 1.3)


def test_what_is_no_number_is_skipped(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.5, math.nan), (CPU, 0.5, math.inf))
    bench.close(1)
    assert math.isnan(bench.value(1, "cart", "worker.queue.length"))
    assert math.isnan(bench.value(1, "cart", "process.cpu.utilization"))
    assert bench.builder.tally.missing == 2


def test_a_late_point_counts_in_the_open_slot_and_a_very_late_one_is_dropped(bench: FeatureBench) -> None:
    bench.send(20.0, (CPU, 19.5, 0.1))
    bench.send(22.5, (QUEUE, 19.9, 5.0), (of(QUEUE, B), 2.0, 100.0))
    bench.close(22)
    assert bench.value(22, "cart", "worker.queue.length") == 5.0
    assert math.isnan(bench.value(20, "cart", "worker.queue.length"))
    assert (bench.builder.tally.late, bench.builder.tally.dropped) == (1, 1)


def test_a_stamp_from_the_future_is_taken_for_its_arrival(bench: FeatureBench) -> None:
    bench.send(1.0, (QUEUE, 0.5, 5.0))
    bench.send(1.5, (QUEUE, 3600.0, 6.0))
    bench.close(2)
    assert bench.value(2, "cart", "worker.queue.length") == 6.0
    assert bench.builder.tally.skewed == 1


@pytest.mark.parametrize(
    ("key", "value", "unit", "told"),
    [
        (SeriesKey("acme", "cart", "latency", unit="s"), 0.25, "ms", 250.0),
        (SeriesKey("acme", "cart", "http_response_time_seconds"), 0.25, "ms", 250.0),
        (SeriesKey("acme", "cart", "error_rate", unit="%"), 5.0, "1", 0.05),
        (SeriesKey("acme", "cart", "messaging.queue.oldest_message_age", unit="s"), 3.0, "s", 3.0),
    ],
)
def test_units_are_those_that_signals_promise(
    bench: FeatureBench, key: SeriesKey, value: float, unit: str, told: float
) -> None:
    bench.send(1.0, (key, 0.5, value))
    bench.close(1)
    assert bench.value(1, "cart", key.metric) == pytest.approx(told)
    assert next(found.unit for found in bench.features.keys if found.metric == key.metric) == unit


def test_ten_thousand_series_are_told_slot_by_slot(bench: FeatureBench) -> None:
    keys = [SeriesKey("acme", f"s{k % 20}", f"m{k}", A, "1", list(Temporality)[k % 3]) for k in range(10_000)]
    for second in range(3):
        bench.take(bench.batch(second + 1.0, *((key, second + 0.5, float(second)) for key in keys)))
        bench.close(second + 1)
    assert np.isfinite(bench.frames[-1].values).sum() > 9_000


@pytest.mark.parametrize(
    ("key", "signal"),
    [
        (SeriesKey("acme", "db", "postgresql.deadlocks", stat="rate"), Signal.LOCKS),
        (SeriesKey("acme", "db", "process.cpu.time", stat="rate"), Signal.CPU),
        (SeriesKey("acme", "db", "postgresql.commits", stat="rate"), Signal.TRAFFIC),
        (SeriesKey("acme", "db", "db.client.connection.count", (("state", "used"),)), Signal.SATURATION),
        (SeriesKey("acme", "db", "db.client.connection.count", (("state", "idle"),)), Signal.OTHER),
        (SeriesKey("acme", "db", "db.client.operation.duration", stat="mean"), Signal.EDGE_LATENCY),
    ],
)
def test_a_name_tells_the_signal(key: SeriesKey, signal: Signal) -> None:
    assert signal_of(key) is signal
