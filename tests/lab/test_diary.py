from akeso.lab.load.verdict import BOUND_BEFORE_LEARNT_S, Visit
from akeso.lab.load.visitor_log import Diary


def filled(start: float, seconds: int, latency: float = 0.1) -> Diary:
    diary = Diary()
    add(diary, start, seconds, latency)
    return diary


def add(diary: Diary, start: float, seconds: int, latency: float = 0.1, *, failed: bool = False) -> None:
    for n in range(seconds * 10):
        due = start + n / 10
        diary.visits.append(Visit("browse", due, due + latency, failed))


def test_the_band_is_set_when_the_learning_time_is_over() -> None:
    diary = Diary()
    diary.learn_for(20.0, 100.0)
    add(diary, 100.0, 20)
    diary.look(119.0)
    assert diary.view(119.0)["learnt_at"] is None
    assert diary.band.bound("browse") == BOUND_BEFORE_LEARNT_S
    diary.look(120.0)
    assert diary.learnt_at == 120.0
    assert diary.band.bound("browse") < BOUND_BEFORE_LEARNT_S


def test_turns_tell_when_the_shop_became_unhealthy_and_healthy_again() -> None:
    diary = filled(100.0, 10)
    diary.look(109.0)
    add(diary, 110.0, 5, failed=True)
    diary.look(112.0)
    diary.look(113.0)
    add(diary, 115.0, 10)
    view = diary.view(124.0)
    assert view["turns"] == [[109.0, True], [112.0, False], [124.0, True]]
    assert view["since"] == 124.0


def test_an_order_nobody_fulfils_is_given_up_after_a_minute() -> None:
    diary = filled(100.0, 2)
    diary.waiting["7"] = 101.0
    assert not diary.look(130.0).healthy
    assert diary.look(162.0).healthy
    assert diary.lost_orders == 1


def test_seconds_count_requests_when_they_were_due() -> None:
    diary = filled(100.0, 3, latency=5.0)
    add(diary, 103.0, 1, failed=True)
    rows = diary.seconds(105.0, 4)
    assert [row["requests"] for row in rows] == [10, 10, 10, 0]
    assert [row["errors"] for row in rows] == [0, 0, 10, 0]


def test_old_visits_are_forgotten() -> None:
    diary = filled(100.0, 10)
    diary.look(1000.0)
    assert not diary.visits
