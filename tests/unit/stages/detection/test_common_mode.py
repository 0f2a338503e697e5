import numpy as np
import pytest

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, RED_RATE
from akeso.stages.detection.common_mode import deviations, shared_rise
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.features.metric_meanings import signal_of


def rise(times: list[float], metric: str = RED_MEAN, series_each: int = 1) -> float:
    """shared_rise of services that are each so many times slower than expected."""
    names = [(f"s{n}", part) for n in range(len(times)) for part in range(series_each)]
    keys = [SeriesKey("t", name, metric, (("http.route", str(part)),)) for name, part in names]
    table = SeriesTable(keys)
    values = np.repeat(np.array(times) * 100.0, series_each)
    signals = np.array([signal_of(key) for key in keys], np.uint8)
    frame = FeatureFrame(NANOSECONDS, NANOSECONDS, values, signals)
    return shared_rise(deviations(frame, np.full(len(keys), 100.0)), frame, FactsTable(table).first(len(keys)))


def test_what_half_of_the_services_share_is_the_rise() -> None:
    assert rise([2.0, 2.0, 2.0, 1.0, 1.0]) == pytest.approx(np.log(201 / 101))
    assert rise([2.0, 2.0, 2.0, 1.0, 1.0], series_each=3) == pytest.approx(np.log(201 / 101))


def test_what_fewer_than_half_show_is_theirs() -> None:
    assert rise([9.0, 9.0, 1.0, 1.0, 1.0]) == 0.0


def test_a_fall_is_no_rise() -> None:
    assert rise([0.5] * 5) == 0.0


def test_few_services_share_nothing() -> None:
    assert rise([9.0] * 3) == 0.0
    assert rise([]) == 0.0


def test_only_a_service_s_own_latency_counts() -> None:
    assert rise([9.0] * 5, metric=RED_RATE) == 0.0


def test_a_value_that_is_missing_says_nothing() -> None:
    assert rise([2.0, 2.0, 2.0, float("nan"), float("nan")]) == 0.0
