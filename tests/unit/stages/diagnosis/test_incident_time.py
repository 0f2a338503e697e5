"""What was said before an incident began is history, however recent."""

from datetime import UTC, datetime, timedelta

import numpy as np

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.stages.diagnosis.incident_time import of_the_incident

START = 1_700_000_000


def case(*every_s: float) -> Case:
    """600 slots, the onset at the 500th."""
    times = (START + 1 + np.arange(600, dtype=np.int64)) * NANOSECONDS
    matrix = FeatureMatrix((), np.empty(0, np.uint8), times, np.empty((600, 0)))
    at = datetime.fromtimestamp(START + 500, UTC)
    key = SeriesKey("t", "cart", "latency")
    anomalies = tuple(
        Anomaly("a", "t", key, Signal.LATENCY, at, at, 3.0, 9.0, 1.0, 0.1, every=timedelta(seconds=each))
        for each in every_s
    )
    return Case("t", (START + 500) * NANOSECONDS, (START + 600) * NANOSECONDS, matrix, anomalies)


def test_what_was_said_since_some_seconds_before_the_onset_counts() -> None:
    assert of_the_incident(case(1.0), 3600.0).sum() == 100 + 1 + 15


def test_a_rare_series_leaves_its_onset_open_by_an_interval() -> None:
    assert of_the_incident(case(1.0, 60.0), 3600.0).sum() == 100 + 60 + 15


def test_without_an_anomaly_all_that_is_recent_counts() -> None:
    assert of_the_incident(case(), 300.0).sum() == 300
    assert of_the_incident(case(), 3600.0).sum() == 600
