"""What wider slots, more requests and interruptions change about evidence."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, SeriesKey
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_RATE
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.diagnosis.symptoms import read, significance
from akeso.stages.features.metric_meanings import signal_of

UNITS = {RED_MEAN: "ms", RED_ERRORS: "1", RED_RATE: "1/s"}
Series = Mapping[tuple[str, str], Sequence[float]]
STEP = 300


def case_of(series: Series, edges: Sequence[Edge] = (), finding: tuple[str, str] = ("door", RED_MEAN)) -> Case:
    """Steps of five minutes; a day of interruption before the last four, the fault in the last two."""
    keys = tuple(SeriesKey("t", service, metric, unit=UNITS[metric]) for service, metric in series)
    length = len(next(iter(series.values())))
    times = np.arange(1, length + 1) * STEP
    times[-4:] += 86_400
    values = np.array(list(series.values()), np.float64).T
    signals = np.array([signal_of(key) for key in keys], np.uint8)
    onset = int(times[-3]) * NANOSECONDS
    key = SeriesKey("t", finding[0], finding[1], unit=UNITS[finding[1]])
    at = datetime.fromtimestamp(onset / NANOSECONDS, UTC)
    anomaly = Anomaly("a", "t", key, signal_of(key), at, at, 1.0, 1.0, 0.0, 1.0)
    matrix = FeatureMatrix(keys, signals, times * NANOSECONDS, values)
    return Case("t", onset, int(times[-1]) * NANOSECONDS, matrix, (anomaly,), topology=Topology(tuple(edges)))


def line(usual: float, *last: float, length: int = 40) -> list[float]:
    wave = usual * (1.0 + 0.02 * np.sin(np.arange(length)))
    return [*wave[: length - len(last)], *last]


def test_more_requests_make_a_smaller_share_of_failures_matter() -> None:
    assert significance(0.0) == significance(100.0) == 1.0
    assert significance(400.0) == pytest.approx(0.5)
    assert significance(1e9) == pytest.approx(0.15)


def test_requests_are_counted_by_the_width_of_slots() -> None:
    case = case_of({("door", RED_MEAN): line(50), ("door", RED_RATE): line(2.0, 2.0, 2.0, 2.0, 2.0)})
    assert read(case).slot_s == STEP
    assert effects(case)["door"].requests == pytest.approx(2 * STEP * 2.0)


def test_what_differed_since_an_interruption_is_no_news() -> None:
    drifted = case_of({("door", RED_MEAN): line(50, 500, 520, 510, 505), ("door", RED_RATE): line(2)})
    assert abs(effects(drifted)["door"].slower_ms) < 10
    news = case_of({("door", RED_MEAN): line(50, 50, 52, 510, 505), ("door", RED_RATE): line(2)})
    assert effects(news)["door"].slower_ms > 400


def test_the_first_signs_of_a_fault_do_not_hide_it() -> None:
    early = case_of({("door", RED_MEAN): line(50, 50, 260, 510, 505), ("door", RED_RATE): line(2)})
    assert effects(early)["door"].slower_ms > 400


def test_what_was_not_seen_since_an_interruption_has_no_known_past() -> None:
    nan = float("nan")
    case = case_of({("door", RED_MEAN): line(50, nan, nan, 510, 505), ("door", RED_RATE): line(2)})
    assert effects(case)["door"].slower_ms == 0


CALM: Series = {
    ("door", RED_MEAN): line(80, 80, 80, 120, 120),
    ("door", RED_RATE): line(2),
    ("cart", RED_MEAN): line(10, 10, 10, 50, 50),
    ("cart", RED_RATE): line(2),
}


def test_a_caller_that_measures_no_call_inherits_what_its_callee_says() -> None:
    found = effects(case_of(CALM, [Edge("door", "cart")]))
    assert found["cart"].own_ms == pytest.approx(40, abs=3)
    assert found["door"].own_ms < 5
    assert found["door"].calls[0].slower_ms == pytest.approx(40, abs=3)


def test_a_rarely_called_node_that_got_much_slower_does_not_outweigh_who_did_the_harm() -> None:
    rare: Series = {("rare", RED_MEAN): line(100, 100, 100, 600, 600), ("rare", RED_RATE): line(0.02)}
    case = case_of({**CALM, **rare}, [Edge("door", "cart"), Edge("door", "rare")])
    best = diagnose(case, tuple(build("evidence").values())).best
    assert best is not None
    assert best.service == "cart"


def test_harm_that_does_not_arrive_at_those_who_complain_names_no_cause() -> None:
    well: Series = {("door", RED_MEAN): line(80), ("door", RED_RATE): line(2)}
    far: Series = {("far", RED_MEAN): line(100, 100, 100, 900, 900), ("far", RED_RATE): line(1)}
    case = case_of({**well, **far}, [Edge("door", "far")])
    assert not diagnose(case, tuple(build("evidence").values())).known


def test_two_percent_of_many_requests_that_fail_are_found() -> None:
    failing: Series = {
        ("door", RED_ERRORS): line(0, 0, 0, 0.02, 0.02),
        ("door", RED_RATE): line(4),
        ("cart", RED_ERRORS): line(0, 0, 0, 0.02, 0.02),
        ("cart", RED_RATE): line(4),
    }
    case = case_of(failing, [Edge("door", "cart")], ("door", RED_ERRORS))
    best = diagnose(case, tuple(build("evidence").values())).best
    assert best is not None
    assert best.service == "cart"
