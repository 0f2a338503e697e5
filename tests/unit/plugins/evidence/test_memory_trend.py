"""Memory that climbs is a leak; memory that made one step is none, however it is told."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import FaultClass
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.plugins.evidence.resources import Resources

MEMORY = SeriesKey("t", "cart", "process.memory.usage", unit="By")
PAST, DURING = 300, 120


def leaks(rise: Floats, every: int) -> bool:
    """rise: bytes above 200 MB in each slot after the onset; told every so many slots."""
    values = np.concatenate([np.zeros(PAST), rise]) + 200e6
    values += np.random.default_rng(3).normal(0.0, 2e5, len(values))
    slots = np.arange(1, len(values) + 1)
    values[slots % every != 0] = np.nan
    matrix = FeatureMatrix((MEMORY,), np.array([Signal.MEMORY], np.uint8), slots * NANOSECONDS, values[:, None])
    at = datetime.fromtimestamp(PAST, UTC)
    anomaly = Anomaly("a", "t", MEMORY, Signal.MEMORY, at, at, 3.0, 3e8, 2e8, 1e6, every=timedelta(seconds=every))
    case = Case("t", PAST * NANOSECONDS, len(values) * NANOSECONDS, matrix, (anomaly,))
    return any(FaultClass.MEMORY_LEAK in found.classes for found in Resources().gather(case))


@pytest.mark.parametrize("every", [1, 15, 30])
def test_a_climb_is_a_leak(every: int) -> None:
    assert leaks(np.linspace(0.0, 1.4e8, DURING), every)


@pytest.mark.parametrize("every", [1, 15, 30])
def test_a_step_that_stays_is_none(every: int) -> None:
    assert not leaks(np.full(DURING, 150e6), every)


def test_a_step_in_the_midst_of_the_incident_is_none() -> None:
    assert not leaks(np.where(np.arange(DURING) > 20, 150e6, 0.0), 1)
