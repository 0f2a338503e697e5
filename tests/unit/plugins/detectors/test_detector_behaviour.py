"""What each detector notices and what it leaves alone."""

from collections.abc import Sequence

import numpy as np
import pytest

from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, Signal
from akeso.plugins.detectors.availability import Availability
from akeso.plugins.detectors.climb import Climb
from akeso.plugins.detectors.ewma import Ewma
from akeso.plugins.detectors.iqr import InterquartileRange
from akeso.plugins.detectors.log_errors import LogErrors
from akeso.plugins.detectors.robust_z import RobustZ
from akeso.plugins.detectors.silence import Silence
from akeso.plugins.detectors.static_threshold import StaticThreshold
from akeso.plugins.detectors.z_score import ZScore
from akeso.plugins.discovery import discover
from akeso.ports.detector import Detector
from akeso.testing.conformance.detectors import frame

STATISTICAL = ("adaptive_threshold", "ewma", "iqr", "robust_z", "z_score")


def feed(detector: Detector, values: Sequence[float], signal: Signal, learn: bool = True) -> list[float]:
    """The scores of one series, value by value."""
    scores = []
    for slot, value in enumerate(values):
        one = frame(np.array([value]), slot, np.array([signal]))
        scores.append(float(detector.score(one).score[0]))
        detector.learn(one, np.array([learn]))
    return scores


def lively(level: float, sigma: float = 0.15, slots: int = 120, seed: int = 1) -> list[float]:
    return list(np.random.default_rng(seed).lognormal(np.log(level), sigma, slots))


@pytest.mark.parametrize("name", STATISTICAL)
def test_a_fivefold_latency_is_noticed_within_two_values(name: str) -> None:
    detector = discover("detectors")[name]()
    assert max(feed(detector, lively(40.0), Signal.LATENCY)[30:]) < 1.0
    assert feed(detector, lively(200.0, slots=2, seed=2), Signal.LATENCY, learn=False)[-1] > 1.0


@pytest.mark.parametrize("name", STATISTICAL)
def test_thirty_values_are_enough_to_be_warm(name: str) -> None:
    detector = discover("detectors")[name]()
    feed(detector, lively(40.0, slots=30), Signal.LATENCY)
    assert feed(detector, [400.0, 420.0], Signal.LATENCY, learn=False)[-1] > 1.0


@pytest.mark.parametrize("name", STATISTICAL)
def test_a_new_level_becomes_normal_when_it_is_learnt(name: str) -> None:
    detector = discover("detectors")[name]()
    feed(detector, lively(40.0), Signal.LATENCY)
    scores = feed(detector, lively(200.0, slots=600, seed=3), Signal.LATENCY)
    assert scores[1] > 1.0
    assert sorted(scores[-60:])[-3] < 1.0


@pytest.mark.parametrize("name", STATISTICAL)
def test_expected_and_spread_are_in_the_unit_of_the_series(name: str) -> None:
    detector = discover("detectors")[name]()
    feed(detector, lively(40.0, slots=400), Signal.LATENCY)
    opinion = detector.score(frame(np.array([40.0]), 0, np.array([Signal.LATENCY])))
    assert opinion.expected[0] == pytest.approx(40.0, rel=0.15)
    assert opinion.spread[0] == pytest.approx(6.0, rel=0.6)


def test_a_small_lasting_shift_is_seen_by_the_moving_average_before_the_single_value() -> None:
    past, shifted = lively(40.0, slots=200), lively(66.0, slots=6, seed=5)
    ewma, single = Ewma(), ZScore()
    feed(ewma, past, Signal.LATENCY)
    feed(single, past, Signal.LATENCY)
    assert max(feed(ewma, shifted, Signal.LATENCY, learn=False)) > 1.0
    assert max(feed(single, shifted, Signal.LATENCY, learn=False)) < 1.2


def test_the_rarer_mode_of_two_is_normal_to_robust_z() -> None:
    random = np.random.default_rng(4)
    detector = RobustZ()
    cache = [200.0 if random.random() < 0.15 else 2.0 for _ in range(300)]
    assert max(feed(detector, cache, Signal.LATENCY)[120:]) < 1.0


def test_robust_z_forgets_nothing_of_its_normal_when_a_tenth_is_wild() -> None:
    random = np.random.default_rng(4)
    detector = RobustZ()
    feed(detector, [5000.0 if random.random() < 0.02 else v for v in lively(40.0, slots=200)], Signal.LATENCY)
    opinion = detector.score(frame(np.array([40.0]), 0, np.array([Signal.LATENCY])))
    assert opinion.expected[0] == pytest.approx(40.0, rel=0.1)


def test_tracked_quartiles_are_near_the_true_ones() -> None:
    detector = InterquartileRange()
    feed(detector, list(np.random.default_rng(0).normal(100.0, 20.0, 1000)), Signal.OTHER)
    low, middle, high = (detector.snapshot()[name][0] for name in ("low", "middle", "high"))
    assert (low, middle, high) == pytest.approx((86.5, 100.0, 113.5), abs=8.0)


def test_a_service_that_reports_each_second_is_missed_after_three() -> None:
    detector = Silence()
    feed(detector, [0.2, 0.9] * 15, Signal.SILENCE)
    scores = feed(detector, [1.5, 2.5, 3.5], Signal.SILENCE)
    assert [s >= 1.0 for s in scores] == [False, False, True]


def test_a_service_that_reports_each_minute_is_never_missed_between_reports() -> None:
    detector = Silence()
    ramp = [float(s % 60) for s in range(60 * 20)]
    assert max(feed(detector, ramp, Signal.SILENCE)) < 1.0


def test_other_signals_are_never_silent() -> None:
    detector = Silence()
    assert max(feed(detector, [0.5] * 40 + [100.0], Signal.LATENCY)) == 0.0


def test_three_error_records_where_there_were_none_are_an_alarm_and_one_is_not() -> None:
    detector = LogErrors()
    feed(detector, [0.0] * 90, Signal.LOG_ERRORS)
    assert feed(detector, [1.0], Signal.LOG_ERRORS, learn=False)[0] < 1.0
    assert feed(detector, [4.0], Signal.LOG_ERRORS, learn=False)[0] > 1.0


def test_a_service_that_always_writes_errors_may_go_on() -> None:
    detector = LogErrors()
    usual = list(np.random.default_rng(3).poisson(5.0, 300).astype(float))
    assert max(feed(detector, usual, Signal.LOG_ERRORS)) < 1.0
    assert feed(detector, [30.0], Signal.LOG_ERRORS)[0] > 1.0


def test_a_leak_climbs_and_a_restart_does_not() -> None:
    leak = [100e6 + 4e6 * s for s in range(40)]
    restart = [90e6] * 20 + [30e6, 45e6, 60e6, 66e6] + [68e6, 67.9e6] * 20
    assert max(feed(Climb(), leak, Signal.MEMORY)) >= 1.0
    assert max(feed(Climb(), restart, Signal.MEMORY)) < 1.0


def test_a_queue_that_grows_climbs_though_its_values_are_masked() -> None:
    detector = Climb()
    feed(detector, [1.0, 0.0, 2.0] * 10, Signal.BACKLOG)
    assert feed(detector, [5.0 * s for s in range(12)], Signal.BACKLOG, learn=False)[-1] > 1.0


def test_the_cycles_of_a_garbage_collector_do_not_climb() -> None:
    cycles = [100e6 + 5e6 * (s % 25) for s in range(400)]
    assert max(feed(Climb(), cycles, Signal.MEMORY)[60:]) < 1.0


def test_noise_without_a_trend_does_not_climb() -> None:
    random = np.random.default_rng(5)
    walk = list(np.maximum(random.normal(20.0, 8.0, 400), 0.0))
    assert max(feed(Climb(), walk, Signal.BACKLOG)) < 1.0


def named(*keys: tuple[str, str]) -> SeriesTable:
    return SeriesTable(SeriesKey("t", service, metric) for service, metric in keys)


def test_simple_events_have_the_default_limits_and_others_none() -> None:
    table = named(("api", "latency"), ("api", "error_rate"), ("api", RED_MEAN), ("api", RED_ERRORS))
    detector = StaticThreshold(table=table)
    score = detector.score(frame(np.array([300.0, 0.10, 9000.0, 0.9]))).score
    assert list(score) == pytest.approx([2.0, 2.0, 0.0, 0.0])


def test_a_stated_objective_is_the_limit_of_its_service() -> None:
    spec = ServiceSpec("slow", latency_slo_ms=800.0, error_slo=0.2)
    table = named(("slow", RED_MEAN), ("slow", RED_ERRORS), ("slow", "latency"), ("other", RED_MEAN))
    detector = StaticThreshold(services=Services({"slow": spec}), table=table)
    score = detector.score(frame(np.array([400.0, 0.4, 1600.0, 1600.0]))).score
    assert list(score) == pytest.approx([0.5, 2.0, 2.0, 0.0])


def test_series_that_arrive_later_get_their_limit() -> None:
    table = named(("api", "latency"))
    detector = StaticThreshold(table=table)
    detector.score(frame(np.array([10.0])))
    table.intern(SeriesKey("t", "web", "latency"))
    assert detector.score(frame(np.array([10.0, 450.0]))).score[1] == pytest.approx(3.0)


def test_what_probes_find_down_is_an_alarm_once_it_lasts() -> None:
    scores = feed(Availability(), [0.0] * 30 + [1.0] * 50, Signal.DOWN)
    assert max(scores[:74]) < 1.0
    assert scores[-1] > 2.0


def test_a_probe_that_failed_once_is_no_alarm_and_no_new_normal() -> None:
    scores = feed(Availability(), ([0.0] * 14 + [1.0]) * 20, Signal.DOWN)
    assert max(scores) < 1.0


def test_what_was_never_up_is_not_missed() -> None:
    assert max(feed(Availability(), [1.0] * 300, Signal.DOWN)) == 0.0


def test_one_instance_of_many_that_is_down_is_no_alarm_but_half_of_them_are() -> None:
    assert max(feed(Availability(), [0.0] * 30 + [0.1] * 60, Signal.DOWN)) < 1.0
    assert max(feed(Availability(), [0.0] * 30 + [0.5] * 60, Signal.DOWN)) > 1.0
