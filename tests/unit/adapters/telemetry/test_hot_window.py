"""The hot window keeps the last slots and answers for one tenant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from akeso.adapters.telemetry.hot import HotWindow
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.telemetry.batches import NANOSECONDS, Change, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.window import TelemetryWindow
from akeso.stages.features.features import ClosedSlot
from akeso.stages.features.log_features import Pattern

SECOND = timedelta(seconds=1)
KEYS = (SeriesKey("acme", "cart", "up"), SeriesKey("other", "cart", "up"), SeriesKey("acme", "stock", "up"))
PLACED = Pattern(0, "acme", "cart", "order <*> placed", 9, "order 1 placed")
FAILED = replace(PLACED, template="failed", severity=17)


def slot(end: int, *values: float, patterns: Any = (), topology: Topology | None = None) -> ClosedSlot:
    signals = np.arange(len(values)).astype(np.uint8)
    frame = FeatureFrame(end * NANOSECONDS, NANOSECONDS, np.array(values), signals)
    return ClosedSlot(frame, patterns, {"acme": topology} if topology else {})


@pytest.fixture
def window() -> HotWindow:
    return HotWindow(SECOND, 4 * SECOND, SeriesTable(KEYS))


def read(window: TelemetryWindow, start: int, end: int) -> tuple[list[int], list[list[float]]]:
    matrix = window.features("acme", start * NANOSECONDS, end * NANOSECONDS)
    return (matrix.times // NANOSECONDS).tolist(), matrix.values.tolist()


def test_an_empty_window_answers_with_nothing(window: HotWindow) -> None:
    assert window.now == 0
    assert window.features("acme", 0, 10**19 // 2).values.shape == (0, 0)
    assert not window.logs("acme", 0, NANOSECONDS)
    assert window.topology("acme") == Topology()


def test_both_ends_of_a_range_are_inclusive_and_tenants_are_apart(window: HotWindow) -> None:
    for end in (1, 2, 3):
        window.record(slot(end, end, 100, end / 10))
    assert read(window, 2, 3) == ([2, 3], [[2, pytest.approx(0.2)], [3, pytest.approx(0.3)]])
    matrix = window.features("acme", 0, 9 * NANOSECONDS)
    assert matrix.keys == (KEYS[0], KEYS[2])
    assert matrix.signals.tolist() == [0, 2]
    assert window.now == 3 * NANOSECONDS


def test_the_oldest_slot_makes_room_and_new_series_are_missing_before_they_came(window: HotWindow) -> None:
    for end in (1, 2, 3):
        window.record(slot(end, end))
    for end in (4, 5):
        window.record(slot(end, end, 100, end))
    times, values = read(window, 0, 9)
    assert times == [2, 3, 4, 5]
    assert [row[0] for row in values] == [2, 3, 4, 5]
    assert np.isnan([row[1] for row in values]).tolist() == [True, True, False, False]


def test_what_was_returned_does_not_change(window: HotWindow) -> None:
    window.record(slot(1, 1.0))
    matrix = window.features("acme", 0, 9 * NANOSECONDS)
    for end in range(2, 9):
        window.record(slot(end, 9.0))
    assert matrix.values.tolist() == [[1.0]]
    assert matrix.times.tolist() == [NANOSECONDS]


def test_log_counts_are_aligned_with_the_features(window: HotWindow) -> None:
    window.record(slot(1, 1.0, patterns=((PLACED, 2),)))
    window.record(slot(2, 1.0))
    window.record(slot(3, 1.0, patterns=((PLACED, 1), (FAILED, 7))))
    failed, placed = window.logs("acme", 0, 9 * NANOSECONDS)
    assert (failed.template, failed.severity, failed.counts.tolist()) == ("failed", 17, [0, 0, 7])
    assert (placed.template, placed.counts.tolist()) == ("order <*> placed", [2, 0, 1])
    assert not window.logs("other", 0, 9 * NANOSECONDS)


def test_changes_are_told_once_and_in_order(window: HotWindow) -> None:
    first, second = (
        Change("cart", "deploy", version, datetime.fromtimestamp(at, UTC)) for version, at in (("2", 20), ("1", 10))
    )
    window.record_changes("acme", [first, first])
    window.record_changes("acme", [second, first])
    assert list(window.changes("acme", 10 * NANOSECONDS, 20 * NANOSECONDS)) == [second, first]
    assert list(window.changes("acme", 11 * NANOSECONDS, 20 * NANOSECONDS)) == [first]
    assert not window.changes("other", 0, 30 * NANOSECONDS)


def test_the_topology_is_that_of_the_newest_slot(window: HotWindow) -> None:
    for callee in ("stock", "bank"):
        window.record(slot(1, 1.0, topology=Topology((Edge("cart", callee),))))
    assert window.topology("acme").edges == (Edge("cart", "bank"),)


def test_training_sees_the_series_of_all_tenants(window: HotWindow) -> None:
    for end in range(1, 7):
        window.record(slot(end, *(float(10 * end + n) for n in range(3))))
    found = window.frames(4 * NANOSECONDS, 6 * NANOSECONDS)
    assert found.keys == KEYS
    assert (found.times // NANOSECONDS).tolist() == [4, 5, 6]
    assert found.values.tolist() == [[40, 41, 42], [50, 51, 52], [60, 61, 62]]
    assert found.signals.tolist() == [0, 1, 2]
    assert window.frames(0, window.now).values.shape == (4, 3)
