"""How services stand, told from when they are heard and from changes."""

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from akeso.domain.estate.senders import HeardService, ServiceState
from akeso.domain.telemetry.batches import NANOSECONDS, Change, MetricBlock, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.features.service_states import ServiceStates

START = round(datetime(2030, 1, 1, tzinfo=UTC).timestamp())


class Hearing:
    """Services that report metrics, in seconds after the start."""

    def __init__(self) -> None:
        self.table = SeriesTable()
        self.states = ServiceStates(self.table)

    def hear(self, times: Iterable[float], *services: str, metric: str = "cpu") -> "Hearing":
        for at in times:
            keys = [SeriesKey("t", service, metric) for service in services]
            ns = np.full(len(keys), _ns(at))
            block = MetricBlock(self.table.intern_all(keys), ns, np.ones(len(keys)))
            self.states.add(TelemetryBatch("t", _ns(at), metrics=block))
        return self

    def change(self, at: float, service: str, kind: str, version: str) -> None:
        made = Change(service, kind, version, datetime.fromtimestamp(START + at, UTC), "ann")
        self.states.add(TelemetryBatch("t", _ns(at), changes=(made,)))

    def now(self, at: float, service: str) -> HeardService:
        return next(each for each in self.states.services(_ns(at)) if each.service == service)

    def gaps(self, at: float) -> list[tuple[str, ...]]:
        return [gap.services for gap in self.states.gaps(_ns(at))]


def _ns(at: float) -> int:
    return round((START + at) * NANOSECONDS)


def every(seconds: float, until: float, since: float = 0.0) -> list[float]:
    return list(np.arange(since, until, seconds))


def test_a_service_heard_a_few_times_is_new_and_its_silence_says_nothing() -> None:
    hearing = Hearing().hear(every(5, 20), "a")
    assert hearing.now(3600, "a").state is ServiceState.NEW


def test_a_steady_service_is_steady_until_it_is_overdue_by_its_own_rhythm() -> None:
    hearing = Hearing().hear(every(60, 1200), "slow").hear(every(5, 1200), "fast")
    assert hearing.now(1200 + 100, "slow").state is ServiceState.STEADY
    assert hearing.now(1200 + 100, "fast").state is ServiceState.UNHEARD
    assert hearing.now(1200 + 300, "slow").state is ServiceState.UNHEARD
    assert hearing.now(1200, "slow").cadence_s == 60


def test_what_comes_in_bursts_is_one_arrival_each() -> None:
    hearing = Hearing().hear([at + i * 0.01 for at in every(5, 200) for i in range(8)], "a")
    assert hearing.now(200, "a").cadence_s == 5
    assert hearing.now(200, "a").arrivals == 40


def test_a_service_that_is_heard_now_and_then_is_on_demand() -> None:
    hearing = Hearing().hear([0, 5, 20, 21, 60, 63, 110, 112, 150, 190, 195, 240], "a")
    assert hearing.now(400, "a").state is ServiceState.ON_DEMAND


def test_a_job_that_ran_before_and_ended_is_a_batch_job() -> None:
    hearing = Hearing().hear([*every(5, 300), *every(5, 2000, 1700)], "job")
    assert hearing.now(9000, "job").state is ServiceState.BATCH


def test_a_change_explains_a_silence() -> None:
    hearing = Hearing().hear(every(5, 300), "a", "b")
    hearing.change(299, "a", "scale", "0")
    hearing.change(299, "b", "retire", "0")
    assert hearing.now(400, "a").state is ServiceState.SCALED_TO_ZERO
    assert hearing.now(400, "b").state is ServiceState.RETIRED
    assert hearing.gaps(400) == []


def test_one_that_goes_on_saying_the_same_under_another_name_is_renamed() -> None:
    hearing = Hearing().hear(every(5, 300), "cart", metric="carts").hear(every(5, 600, 300), "cart-v2", metric="carts")
    found = hearing.now(600, "cart")
    assert (found.state, "cart-v2" in found.because) == (ServiceState.RENAMED, True)


def test_all_that_fall_silent_at_once_are_a_gap() -> None:
    hearing = Hearing().hear(every(5, 300), "a", "b")
    assert hearing.gaps(305) == []
    assert hearing.gaps(330) == [("a", "b")]
    assert hearing.now(330, "a").state is ServiceState.GAP


def test_many_that_fall_silent_together_are_a_gap_while_others_are_heard() -> None:
    hearing = Hearing().hear(every(5, 300), "a", "b", "c").hear(every(5, 400), "d")
    assert hearing.gaps(400) == [("a", "b", "c")]


def test_one_or_two_that_fall_silent_while_others_are_heard_are_no_gap() -> None:
    hearing = Hearing().hear(every(5, 300), "a", "b").hear(every(5, 400), "d")
    assert hearing.gaps(400) == []


def test_services_that_fall_silent_one_after_the_other_are_no_gap() -> None:
    hearing = Hearing().hear(every(5, 600), "z")
    for number, service in enumerate("abcd"):
        hearing.hear(every(5, 300 + 60 * number), service)
    assert hearing.gaps(600) == []


def test_a_night_in_which_less_and_less_comes_is_no_gap() -> None:
    times = [*every(5, 300), 320, 360, 420]
    assert Hearing().hear(times, "a", "b", "c").gaps(700) == []


def test_while_akeso_itself_could_not_hear_nobody_was_silent() -> None:
    hearing = Hearing().hear(every(5, 300), "a", "b")
    hearing.states.deaf_until(_ns(900))
    assert hearing.gaps(905) == []
    assert hearing.gaps(930) == [("a", "b")]


def test_what_prometheus_writes_about_a_target_it_cannot_reach_is_not_being_heard() -> None:
    hearing = Hearing().hear(every(5, 300), "a", "b").hear(every(5, 400), "a", "b", metric="up")
    assert hearing.gaps(400) == [("a", "b")]
