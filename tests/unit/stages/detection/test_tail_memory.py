"""How far out a number lies among those that a stream has shown."""

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.rows import Rows
from akeso.stages.detection.tail_memory import TailMemory

ALONE = np.zeros(1, np.intp)


def taught(numbers: Floats, quantile: float = 0.995) -> TailMemory:
    """A memory of one stream."""
    rows = Rows(TailMemory.columns("tail", 1))
    rows.grow(1)
    memory = TailMemory(rows, "tail", quantile, warm=50)
    for number in numbers:
        memory.learn(np.array([[number]]), ALONE)
    return memory


def excess(memory: TailMemory, number: float) -> float:
    return float(memory.excess(np.array([[number]]), ALONE)[0, 0])


def test_the_excess_is_the_mean_of_that_of_a_light_tail_and_that_of_a_heavy_one() -> None:
    # Beyond the threshold 1 lie 2 and 4: a mean excess of 4/3, a mean logarithm of ln 2.
    memory = taught(np.append(np.full(497, 0.5), [1.0, 2.0, 4.0]))
    assert excess(memory, 8.0) == pytest.approx((7.0 / (4.0 / 3.0) + 3.0) / 2.0)


def test_nothing_below_the_threshold_has_an_excess() -> None:
    memory = taught(np.append(np.full(497, 0.5), [1.0, 2.0, 4.0]))
    assert excess(memory, 1.0) == excess(memory, 0.7) == excess(memory, np.nan) == 0.0


def test_a_stream_of_zeros_finds_every_number_far_out() -> None:
    memory = taught(np.zeros(600))
    assert 1e3 < excess(memory, 0.1) < np.inf


def test_a_young_stream_is_not_judged() -> None:
    assert excess(taught(np.arange(49.0)), 1e6) == 0.0
    assert excess(taught(np.arange(50.0)), 1e6) > 0.0
