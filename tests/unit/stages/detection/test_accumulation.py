"""What piles up shows by rising that it is no spike."""

import numpy as np
import pytest

from akeso.domain.telemetry.signal import Signal
from akeso.stages.detection.accumulation import piling_up


def rises(first: float, second: float, third: float, signal: Signal = Signal.BACKLOG, expected: float = 0.0) -> bool:
    found = piling_up(
        np.array([signal], np.uint8),
        np.array([third]),
        np.array([second]),
        np.array([second > first]),
        np.array([expected]),
    )
    return bool(found[0])


@pytest.mark.parametrize("levels", [(0, 4, 8), (0, 3, 8), (64, 80, 97)])
def test_a_level_that_rises_twice_in_a_row_piles_up(levels: tuple[float, float, float]) -> None:
    assert rises(*levels, expected=levels[0])


@pytest.mark.parametrize("levels", [(0, 0, 12), (4, 4, 12), (9, 4, 12), (0, 8, 8), (0, 12, 9)])
def test_a_step_or_a_spike_does_not(levels: tuple[float, float, float]) -> None:
    assert not rises(*levels)


def test_a_spike_after_a_flicker_does_not() -> None:
    assert not rises(0, 1, 12)
    assert not rises(63, 64, 120, Signal.MEMORY, expected=64)


def test_what_does_not_pile_up_is_left_to_persistence() -> None:
    assert not rises(50, 200, 400, Signal.LATENCY, expected=50)
