"""When a silence holds, and for what."""

from datetime import UTC, datetime, timedelta

import pytest

from akeso.domain.incident.silence import Silence

START = datetime(2030, 3, 4, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONCE = Silence("s1", "t", START, START + HOUR, "shop")
WEEKLY = Silence("s2", "t", START, START + HOUR, "shop", every=timedelta(weeks=1), repeats_until=START + 15 * 24 * HOUR)


@pytest.mark.parametrize(
    ("silence", "after", "holds"),
    [
        (ONCE, -timedelta(seconds=1), False),
        (ONCE, timedelta(0), True),
        (ONCE, HOUR, False),
        (WEEKLY, timedelta(weeks=1, minutes=30), True),
        (WEEKLY, timedelta(weeks=1, hours=2), False),
        (WEEKLY, timedelta(weeks=2, minutes=59), True),
        (WEEKLY, timedelta(weeks=3, minutes=30), False),
    ],
)
def test_it_holds_in_its_time_once_or_again(silence: Silence, after: timedelta, holds: bool) -> None:
    assert (silence.until(START + after) is not None) is holds


def test_one_that_recurs_is_over_after_its_last_time_only() -> None:
    assert not WEEKLY.over(START + 2 * HOUR)
    assert WEEKLY.over(START + timedelta(weeks=3))
    assert ONCE.over(START + HOUR)
