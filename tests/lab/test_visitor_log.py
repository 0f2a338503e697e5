from akeso.lab.load.verdict import BOUND_BEFORE_LEARNT_S, Visit
from akeso.lab.load.visitor_log import VisitorLog


def filled(start: float, seconds: int, latency: float = 0.1) -> VisitorLog:
    visitor_log = VisitorLog()
    add(visitor_log, start, seconds, latency)
    return visitor_log


def add(visitor_log: VisitorLog, start: float, seconds: int, latency: float = 0.1, *, failed: bool = False) -> None:
    for n in range(seconds * 10):
        due = start + n / 10
        visitor_log.visits.append(Visit("browse", due, due + latency, failed))


def test_the_band_is_set_when_the_learning_time_is_over() -> None:
    visitor_log = VisitorLog()
    visitor_log.learn_for(20.0, 100.0)
    add(visitor_log, 100.0, 20)
    visitor_log.look(119.0)
    assert visitor_log.view(119.0)["learnt_at"] is None
    assert visitor_log.band.bound("browse") == BOUND_BEFORE_LEARNT_S
    visitor_log.look(120.0)
    assert visitor_log.learnt_at == 120.0
    assert visitor_log.band.bound("browse") < BOUND_BEFORE_LEARNT_S


def test_turns_tell_when_the_shop_became_unhealthy_and_healthy_again() -> None:
    visitor_log = filled(100.0, 10)
    visitor_log.look(109.0)
    add(visitor_log, 110.0, 5, failed=True)
    visitor_log.look(112.0)
    visitor_log.look(113.0)
    add(visitor_log, 115.0, 10)
    view = visitor_log.view(124.0)
    assert view["turns"] == [[109.0, True], [112.0, False], [124.0, True]]
    assert view["since"] == 124.0


def test_an_order_nobody_fulfils_is_given_up_after_a_minute() -> None:
    visitor_log = filled(100.0, 2)
    visitor_log.waiting["7"] = 101.0
    assert not visitor_log.look(130.0).healthy
    assert visitor_log.look(162.0).healthy
    assert visitor_log.lost_orders == 1


def test_seconds_count_requests_when_they_were_due() -> None:
    visitor_log = filled(100.0, 3, latency=5.0)
    add(visitor_log, 103.0, 1, failed=True)
    rows = visitor_log.seconds(105.0, 4)
    assert [row["requests"] for row in rows] == [10, 10, 10, 0]
    assert [row["errors"] for row in rows] == [0, 0, 10, 0]


def test_old_visits_are_forgotten() -> None:
    visitor_log = filled(100.0, 10)
    visitor_log.look(1000.0)
    assert not visitor_log.visits
