from itertools import pairwise

import pytest

from akeso.lab.scoring.day import STEPS_A_DAY, diurnal

HOURS = [diurnal(step / STEPS_A_DAY) for step in range(STEPS_A_DAY)]


def test_visitors_come_least_at_night_and_most_in_the_afternoon() -> None:
    quietest, busiest = HOURS.index(min(HOURS)), HOURS.index(max(HOURS))
    assert 3 <= quietest / 2 <= 8
    assert 13 <= busiest / 2 <= 18
    assert max(HOURS) / min(HOURS) > 2.5


def test_a_day_ends_where_the_next_begins() -> None:
    assert diurnal(0.0) == pytest.approx(diurnal(1.0))
    assert diurnal(0.3) == pytest.approx(diurnal(2.3))


def test_load_changes_little_from_step_to_step() -> None:
    assert max(abs(one - other) for one, other in pairwise(HOURS)) < 0.1
