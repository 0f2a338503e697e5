import pytest

from akeso.lab.load.surge import CALM, EVERY_JOURNEY, Surge


def test_a_surge_multiplies_its_own_journey_only() -> None:
    surge = Surge("cart", 10.0, began=0.0)
    assert surge.factor_of("cart", 0.0) == 10.0
    assert surge.factor_of("browse", 0.0) == 1.0


@pytest.mark.parametrize(("now", "factor"), [(95.0, 1.0), (100.0, 1.0), (110.0, 1.25), (120.0, 1.5), (500.0, 1.5)])
def test_a_smooth_change_rises_evenly(now: float, factor: float) -> None:
    assert Surge(EVERY_JOURNEY, 1.5, began=100.0, ramp_s=20.0).factor_of("browse", now) == factor


def test_a_smooth_change_can_start_from_where_the_last_one_was() -> None:
    assert Surge(EVERY_JOURNEY, 1.0, began=0.0, ramp_s=10.0, initial=1.4).factor_of("cart", 5.0) == pytest.approx(1.2)


def test_calm_is_base_load() -> None:
    assert CALM.factor_of("checkout", 123.0) == 1.0
