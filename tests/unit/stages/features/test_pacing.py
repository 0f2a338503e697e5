"""What came in one piece is told again slot by slot, and nothing of it is lost."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.telemetry.batches import NANOSECONDS, LogBlock, MetricBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.features.pacing import paced
from akeso.testing.telemetry import sample_batch

TIMES = st.lists(st.integers(0, 20 * NANOSECONDS), max_size=30)


def batch_at(points: list[int], lines: list[int]) -> TelemetryBatch:
    metrics = MetricBlock(
        np.zeros(len(points), np.int32), np.array(points, np.int64), np.arange(len(points), dtype=np.float64)
    )
    logs = LogBlock(
        "cart",
        np.array(lines, np.int64),
        np.zeros(len(lines), np.uint8),
        tuple(map(str, range(len(lines)))),
        np.zeros(len(lines), np.uint64),
    )
    return TelemetryBatch("acme", 0, metrics=metrics, logs=(logs,))


@given(points=TIMES, lines=TIMES, until=st.integers(1, 20 * NANOSECONDS))
def test_every_sample_is_told_once_in_the_slot_it_is_of(points: list[int], lines: list[int], until: int) -> None:
    parts = list(paced(batch_at(points, lines), NANOSECONDS, until))
    ends = [end for end, _ in parts]
    assert ends == sorted(set(ends))
    for end, part in parts:
        for stamps in (part.metrics.time, *(block.time for block in part.logs)):
            slots = np.minimum((stamps // NANOSECONDS + 1) * NANOSECONDS, until)
            assert (slots == end).all()
    told = sorted(value for _, part in parts for value in part.metrics.value.tolist())
    assert told == list(range(len(points)))
    said = sorted(int(line) for _, part in parts for block in part.logs for line in block.body)
    assert said == list(range(len(lines)))


def test_spans_belong_to_the_slot_they_end_in_and_changes_go_first() -> None:
    batch = sample_batch(SeriesTable(), received_at=3 * NANOSECONDS)
    (span,) = batch.spans
    long = replace(span, duration=np.array([100, 5 * NANOSECONDS], np.int64))
    parts = list(paced(replace(batch, spans=(long,)), NANOSECONDS, 6 * NANOSECONDS))
    assert [end // NANOSECONDS for end, _ in parts] == [4, 6]
    assert [[block.span.tolist() for block in part.spans] for _, part in parts] == [[[1]], [[2**63]]]
    assert [len(part.changes) for _, part in parts] == [1, 0]


def test_nothing_yields_nothing() -> None:
    assert list(paced(TelemetryBatch("acme", 0), NANOSECONDS, NANOSECONDS)) == []
