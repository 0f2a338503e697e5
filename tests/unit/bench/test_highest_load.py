"""Which load counts as kept up with."""

from collections.abc import Callable

import pytest

from akeso.bench.load import through
from akeso.bench.load.through import Held, Load, highest

LOAD = Load("/", "", lambda _start, _rate: (), lambda _instant: ())


def limited(limit: float, tried: list[float]) -> Callable[[Load, float], Held]:
    def held(_load: Load, rate: float) -> Held:
        tried.append(rate)
        return Held(rate, rate, 0.0 if rate <= limit else 0.5, 0.0, 10.0, 100.0, 1.0)

    return held


@pytest.mark.parametrize(
    ("limit", "most", "found"),
    [
        (1e9, 1e9, 150.0),
        (130.0, 1e9, 125.0),
        (120.0, 1e9, 110.0),
        (100.0, 1e9, 100.0),
        (1e9, 100.0, 100.0),
        (85.0, 1e9, 80.0),
        (1.0, 1e9, 64.0),
    ],
)
def test_it_is_the_highest_that_was_kept_up_with(
    monkeypatch: pytest.MonkeyPatch, limit: float, most: float, found: float
) -> None:
    tried: list[float] = []
    monkeypatch.setattr(through, "held", limited(limit, tried))
    best = highest(LOAD, 100.0, most)
    assert best.offered == pytest.approx(found)
    assert best.kept_up == (found <= limit)
    assert tried[0] == 100.0
    assert max(tried) <= max(most, 100.0)
