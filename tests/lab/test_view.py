import pytest

from akeso.lab.load.client import View


def view(now: float, *turns: tuple[float, bool]) -> View:
    at, healthy = turns[-1]
    return View(now, healthy, at, True, (), turns, {})


TURNS = ((0.0, True), (10.0, False), (14.0, True))


@pytest.mark.parametrize(
    ("moment", "hurt_at"),
    [(5.0, 10.0), (10.0, 10.0), (12.0, 12.0), (14.0, None), (15.0, None)],
)
def test_pain_is_the_first_after_a_moment_or_what_stands_at_it(moment: float, hurt_at: float | None) -> None:
    assert view(20.0, *TURNS).first_unhealthy_after(moment) == hurt_at


def test_a_shop_that_never_was_unhealthy_hurt_nobody() -> None:
    assert view(20.0, (0.0, True)).first_unhealthy_after(5.0) is None


def test_health_is_counted_from_when_the_shop_turned_healthy() -> None:
    assert view(20.0, *TURNS).healthy_for() == 6.0
    assert view(12.0, *TURNS[:2]).healthy_for() == 0.0


def test_health_before_a_moment_does_not_count() -> None:
    seen = view(20.0, *TURNS)
    assert seen.healthy_since(15.0, for_s=5.0)
    assert not seen.healthy_since(16.0, for_s=5.0)
    assert not view(13.0, *TURNS[:2]).healthy_since(0.0, for_s=1.0)
