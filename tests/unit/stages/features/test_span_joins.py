"""Own time is what remains of a span when every instant under a call is taken away."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.telemetry.batches import SpanKind
from akeso.stages.features.traces.span_joins import ROW, children, self_times

Interval = tuple[int, int]
intervals = st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))


def rows(kind: int, spans: list[tuple[int, int, Interval]]) -> np.ndarray:
    """Rows of (id, parent, interval)."""
    made = np.zeros(len(spans), ROW)
    made["kind"] = kind
    for row, (span, parent, (start, end)) in zip(made, spans, strict=True):
        row["span"], row["parent"], row["start"], row["end"] = span, parent, start, end
    return made


@given(st.lists(st.tuples(intervals, st.lists(intervals, max_size=6)), max_size=5))
def test_own_time_is_the_duration_less_the_union_of_the_calls(requests: list[tuple[Interval, list[Interval]]]) -> None:
    entries = rows(SpanKind.SERVER, [(number + 1, 0, own) for number, (own, _) in enumerate(requests)])
    calls = [(number + 1, call) for number, (_, under) in enumerate(requests) for call in under]
    inner = rows(SpanKind.CLIENT, [(100 + k, parent, call) for k, (parent, call) in enumerate(calls)])
    expected = [
        sum(not any(start <= instant < end for start, end in under) for instant in range(*own))
        for own, under in requests
    ]
    assert self_times(entries, inner).tolist() == expected


def test_a_chain_of_internal_spans_that_bites_its_tail_ends() -> None:
    entries = rows(SpanKind.SERVER, [(1, 0, (0, 10))])
    inner = rows(SpanKind.INTERNAL, [(2, 3, (0, 5)), (3, 2, (0, 5))])
    assert self_times(entries, inner).tolist() == [10.0]


def test_a_child_is_found_by_its_parent() -> None:
    calls, parents = np.array([10, 11, 12], np.uint64), np.array([12, 10, 99, 98], np.uint64)
    assert children(calls, parents).tolist() == [1, -1, 0]
    assert children(calls[:1], parents).tolist() == [1]
    assert children(calls, parents[:1]).tolist() == [-1, -1, 0]
    assert children(calls[:0], parents).tolist() == []
    assert children(calls, parents[:0]).tolist() == [-1, -1, -1]
    assert children(calls, parents[2:]).tolist() == [-1, -1, -1]
