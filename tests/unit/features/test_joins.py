"""Own time is what remains of a span when every instant under a call is taken away."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.telemetry import SpanKind
from akeso.stages.joins import ROW, callee_nodes, self_times

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


def test_the_callee_is_the_node_of_the_child() -> None:
    calls = rows(SpanKind.CLIENT, [(10, 1, (0, 5)), (11, 1, (0, 5)), (12, 1, (0, 5))])
    entries = rows(SpanKind.SERVER, [(20, 12, (1, 4)), (21, 10, (1, 4)), (22, 99, (1, 4))])
    entries["node"] = [7, 8, 9]
    assert callee_nodes(calls, entries).tolist() == [8, -1, 7]
    assert callee_nodes(calls[:0], entries).tolist() == []
