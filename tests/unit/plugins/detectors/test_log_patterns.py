"""Rates of log templates and numbers in log lines become surprises, and the detector hears them."""

from dataclasses import replace

import numpy as np
import pytest

from akeso.domain.telemetry.signal import LOG_PARAMETER_SURPRISE, LOG_PATTERN_SURPRISE, LOG_RATE, Signal
from akeso.plugins.detectors.log_patterns import LogPatterns
from akeso.testing.conformance.detectors import frame
from akeso.testing.feature_bench import UNHURRIED, FeatureBench


@pytest.fixture
def watched(bench: FeatureBench) -> FeatureBench:
    bench.begin(replace(UNHURRIED, log_patterns=True))
    return bench


def usual(bench: FeatureBench, seconds: int, start: int = 0, ms: float = 20.0) -> None:
    random = np.random.default_rng(start)
    for second in range(start, start + seconds):
        bench.log(second + 0.2, *(f"charged card {n} in {ms + random.normal(0, 2):.1f} ms" for n in range(4)))
        bench.log(second + 0.4, "heartbeat sent")
    bench.close(start + seconds)


def surprises(bench: FeatureBench, metric: str, seconds: range) -> list[float]:
    return [bench.value(end, "cart", metric) for end in seconds]


def test_usual_logs_are_no_surprise(watched: FeatureBench) -> None:
    usual(watched, 150)
    assert max(surprises(watched, LOG_PATTERN_SURPRISE, range(1, 150))) < 6.0
    assert max(surprises(watched, LOG_PARAMETER_SURPRISE, range(1, 150))) < 6.0


def test_a_template_that_comes_far_more_often_is(watched: FeatureBench) -> None:
    usual(watched, 100)
    watched.log(100.2, *(f"charged card {n} in 20.0 ms" for n in range(60)))
    watched.close(101)
    assert watched.value(101, "cart", LOG_PATTERN_SURPRISE) > 18.0


def test_a_template_that_fails_to_come_is_one_the_more_it_was_expected(watched: FeatureBench) -> None:
    for second in range(120):
        watched.log(second + 0.2, *["tick"] * 30, "done")
    watched.log(120.2, "done")
    watched.close(121)
    assert watched.value(121, "cart", LOG_PATTERN_SURPRISE) > 18.0


def test_a_number_out_of_its_range_is_a_surprise_though_the_template_is_old(watched: FeatureBench) -> None:
    usual(watched, 100)
    watched.log(100.2, "charged card 2 in 90000.0 ms", "heartbeat sent")
    watched.close(101)
    assert watched.value(101, "cart", LOG_PARAMETER_SURPRISE) > 18.0
    assert watched.value(101, "cart", LOG_RATE) == 2.0


def test_numbers_that_only_count_on_are_none(watched: FeatureBench) -> None:
    for second in range(200):
        watched.log(second + 0.2, f"order {5000 + 3 * second} placed")
    watched.close(200)
    assert max(surprises(watched, LOG_PARAMETER_SURPRISE, range(1, 200))) < 10.0


def test_what_does_not_arrive_at_all_is_not_a_template_that_fails_to_come(watched: FeatureBench) -> None:
    for second in range(100):
        watched.log(second + 0.2, *["tick"] * 30)
    watched.close(100)
    watched.log(108.5, *["tick"] * 30)
    watched.close(109)
    assert watched.value(104, "cart", LOG_PATTERN_SURPRISE) != watched.value(104, "cart", LOG_PATTERN_SURPRISE)


def test_without_the_setting_there_are_no_such_series(bench: FeatureBench) -> None:
    usual(bench, 5)
    assert not any("surprise" in key.metric for key in bench.features.keys)


def test_the_detector_judges_these_series_alone() -> None:
    signals = np.array([Signal.LOG_SURPRISE, Signal.LOG_SURPRISE, Signal.OTHER])
    score = LogPatterns(threshold=18.0).score(frame(np.array([36.0, 1.8, 500.0]), 0, signals)).score
    assert score.tolist() == [2.0, pytest.approx(0.1), 0.0]
