"""The window holds the newest rows, whatever room that takes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from akeso.stages.features.traces.span_joins import ROW
from akeso.stages.features.traces.span_window import SpanWindow

MOST = 3_000


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)), max_size=12))
def test_it_holds_what_was_appended_and_not_forgotten(steps: list[tuple[int, int]]) -> None:
    window, expected, told = SpanWindow(MOST), list[int](), 0
    for count, forgotten in steps:
        rows = np.zeros(count, ROW)
        rows["slot"] = rows["span"] = np.arange(told, told + count)
        told += count
        window.append(rows)
        expected = (expected + rows["slot"].tolist())[-MOST:]
        before = expected[min(forgotten, len(expected) - 1)] if expected else 0
        window.forget(before)
        expected = [slot for slot in expected if slot >= before]
        assert window["slot"].tolist() == expected
        assert len(window) == len(expected)
    places = np.arange(0, len(window), 7)
    assert window.at(places)["span"].tolist() == expected[::7]


def test_what_is_written_into_a_column_stays() -> None:
    window = SpanWindow(MOST)
    for _ in range(3):
        window.append(np.zeros(1_000, ROW))
        window["counted"][-1] = True
    assert np.flatnonzero(window["counted"]).tolist() == [999, 1_999, 2_999]
    window.forget(1)
    assert len(window) == 0
