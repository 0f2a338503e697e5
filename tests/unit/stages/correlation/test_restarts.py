"""A restart that somebody ordered is excused until something says that it went wrong."""

from datetime import UTC, datetime, timedelta

import numpy as np

from akeso.adapters.telemetry.hot import HotWindow
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.telemetry.batches import NANOSECONDS, Change, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import Signal
from akeso.stages.correlation.correlate import correlate
from akeso.stages.correlation.fatal_records import dying
from akeso.stages.correlation.placements import Open
from akeso.stages.correlation.restarts import failed
from akeso.stages.correlation.scene import CorrelateOptions, News, Scene
from akeso.stages.features.features import ClosedSlot
from akeso.stages.features.log_features import Pattern

AT = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
DEPLOY = Change("shop", "deploy", "v2", AT)
EXCUSED = CorrelateOptions().excused


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def anomaly(service: str, signal: Signal, onset: float, score: float = 5.0) -> Anomaly:
    key = SeriesKey("t", service, signal.name.lower())
    return Anomaly(f"{service}-{signal}-{onset}", "t", key, signal, after(onset), after(3), score, 0.5, 0.01, 0.01)


def opened(*anomalies: Anomaly, dead: frozenset[str] = frozenset(), changes: tuple[Change, ...] = (DEPLOY,)) -> int:
    topology = Topology((Edge("web", "shop"), Edge("shop", "db")))
    scene = Scene(after(3), topology, changes=changes, dying=dead)
    moves = correlate(News(anomalies), scene, CorrelateOptions()).moves
    return sum(isinstance(move, Open) for move in moves)


REFUSED = anomaly("web", Signal.ERRORS, 0.5)


def test_what_callers_see_may_be_the_restart() -> None:
    assert not opened(REFUSED, anomaly("web", Signal.EDGE_ERRORS, 0.5), anomaly("web", Signal.LOG_ERRORS, 0.5))


def test_a_changed_service_that_answers_with_errors_is_no_restart() -> None:
    assert opened(REFUSED, anomaly("shop", Signal.ERRORS, 1.5)) == 1


def test_a_changed_service_that_dies_is_no_restart() -> None:
    assert opened(REFUSED, dead=frozenset({"shop"})) == 1
    assert not opened(REFUSED, dead=frozenset({"db"}))


def test_a_service_that_is_slow_after_a_change_may_have_cold_caches() -> None:
    assert not opened(anomaly("shop", Signal.LATENCY, 1.5))


def test_errors_of_a_service_below_which_something_else_changed_may_be_that_restart() -> None:
    both = (DEPLOY, Change("db", "config", "v3", after(1)))
    assert not opened(anomaly("shop", Signal.ERRORS, 1.5), changes=both)


def test_errors_that_began_before_a_change_say_nothing_of_it() -> None:
    assert failed([DEPLOY], [anomaly("shop", Signal.ERRORS, -1.5)], ()) == ()
    # An onset is the start of a slot of a second.
    assert failed([DEPLOY], [anomaly("shop", Signal.ERRORS, -0.5)], ()) == (DEPLOY,)


def test_few_errors_of_a_service_need_no_company_when_they_came_with_a_change() -> None:
    assert opened(anomaly("shop", Signal.ERRORS, 1.5, score=1.1)) == 1
    assert not opened(anomaly("shop", Signal.ERRORS, 1.5, score=1.1), changes=())
    assert not opened(anomaly("db", Signal.ERRORS, 1.5, score=1.1))


def test_few_refused_calls_need_no_company_when_the_service_behind_them_dies() -> None:
    weak = anomaly("web", Signal.ERRORS, 0.5, score=1.1)
    assert opened(weak, dead=frozenset({"shop"})) == 1
    assert not opened(weak, dead=frozenset({"shop"}), changes=())


def test_few_errors_long_after_a_change_need_company() -> None:
    earlier = Change("shop", "deploy", "v2", after(-10))
    assert not opened(anomaly("shop", Signal.ERRORS, 1.5, score=1.1), changes=(earlier,))


def window(*heard: tuple[float, Pattern]) -> HotWindow:
    found = HotWindow(timedelta(seconds=1), timedelta(minutes=3), SeriesTable())
    for end, pattern in heard:
        stamp = int(after(end).timestamp() * NANOSECONDS)
        frame = FeatureFrame(stamp, NANOSECONDS, np.zeros(0), np.zeros(0, np.uint8))
        found.record(ClosedSlot(frame, ((pattern, 1),), {}))
    return found


FATAL = Pattern(0, "t", "shop", "cannot start", 21, "cannot start")
ERROR = Pattern(1, "t", "shop", "cannot pay", 17, "cannot pay")


def test_a_fatal_record_after_a_change_says_that_a_process_dies() -> None:
    assert dying(window((1.5, FATAL)), "t", [DEPLOY], after(3), EXCUSED) == {"shop"}
    assert not dying(window((1.5, ERROR)), "t", [DEPLOY], after(3), EXCUSED)
    assert not dying(window((1.5, FATAL)), "other", [DEPLOY], after(3), EXCUSED)


def test_a_fatal_record_from_before_the_change_or_of_a_usual_kind_says_nothing() -> None:
    assert not dying(window((0.5, FATAL)), "t", [DEPLOY], after(3), EXCUSED)
    assert not dying(window((-20.0, FATAL), (1.5, FATAL)), "t", [DEPLOY], after(3), EXCUSED)


def test_only_the_newest_change_of_a_service_counts() -> None:
    again = Change("shop", "deploy", "v3", after(2))
    assert not dying(window((1.5, FATAL)), "t", [DEPLOY, again], after(3), EXCUSED)


def test_a_change_that_excuses_nothing_any_more_is_not_looked_at() -> None:
    assert dying(window((1.5, FATAL)), "t", [DEPLOY], after(4.5), EXCUSED) == {"shop"}
    assert not dying(window((1.5, FATAL)), "t", [DEPLOY], after(4.6), EXCUSED)
