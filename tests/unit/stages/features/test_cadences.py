"""Every series has its own cadence, learnt from its values."""

from dataclasses import replace

import pytest

from akeso.domain.telemetry.batches import NANOSECONDS, SeriesKey, Temporality
from akeso.testing.feature_bench import FeatureBench

SLOW = SeriesKey("acme", "cart", "worker.queue.length", unit="{request}")
FAST = replace(SLOW, service="stock")
COUNTER = SeriesKey("acme", "cart", "requests", unit="1", temporality=Temporality.CUMULATIVE)


def every_s(bench: FeatureBench, service: str, metric: str) -> float:
    frame = bench.frames[-1]
    rows = [n for n, key in enumerate(bench.features.keys) if (key.service, key.metric) == (service, metric)]
    return float(frame.every[rows[0]]) / NANOSECONDS if len(frame.every) else frame.width / NANOSECONDS


def told(bench: FeatureBench, every: int, until: int, missed: tuple[int, ...] = ()) -> None:
    for second in range(1, until):
        points = [(FAST, second - 0.2, 1.0)]
        if second % every == 0 and second not in missed:
            points += [(SLOW, second - 0.3, 5.0), (COUNTER, second - 0.3, 3.0 * second)]
        bench.send(second, *points)
    bench.close(until)


@pytest.mark.parametrize("every", [5, 15, 60])
def test_a_cadence_is_learnt_and_told_in_slots(bench: FeatureBench, every: int) -> None:
    told(bench, every, 6 * every)
    assert every_s(bench, "cart", "worker.queue.length") == every
    assert every_s(bench, "cart", "requests") == every
    assert every_s(bench, "stock", "worker.queue.length") == 1


def test_what_every_slot_tells_has_no_cadence(bench: FeatureBench) -> None:
    told(bench, 1, 20)
    assert not len(bench.frames[-1].every)


def test_a_value_that_is_missed_is_no_other_cadence(bench: FeatureBench) -> None:
    told(bench, 15, 200, missed=(90,))
    assert every_s(bench, "cart", "worker.queue.length") == pytest.approx(15, abs=2)


def test_a_ratio_comes_as_often_as_the_counters_that_it_is_made_of(bench: FeatureBench) -> None:
    ended = [replace(COUNTER, metric="http_requests_total", attributes=(("code", code),)) for code in ("200", "500")]
    for second in range(1, 120):
        points = [(FAST, second - 0.2, 1.0)]
        if second % 15 == 0:
            points += [(key, second - 0.3, 9.0 * second) for key in ended]
        bench.send(second, *points)
    bench.close(120)
    assert every_s(bench, "cart", "akeso.requests.error_ratio") == 15


def test_history_that_is_told_once_a_minute_has_a_frame_for_each_slot(bench: FeatureBench) -> None:
    for minute in range(1, 9):
        bench.send(60 * minute, (SLOW, 60 * minute - 0.3, 5.0))
    told = bench.builder.tally
    gaps = told.gaps
    for minute in range(9, 12):
        bench.send(60 * minute, (SLOW, 60 * minute - 0.3, 5.0))
    assert told.gaps == gaps
    assert len(bench.frames) >= 150
