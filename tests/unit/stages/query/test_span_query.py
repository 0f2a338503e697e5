"""Spans that are asked for by role."""

from akeso.domain.telemetry.batches import NANOSECONDS, SpanKind, TelemetryBatch
from akeso.domain.telemetry.query import Range, SpanSelector
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.query.span_query import SpanQuery
from akeso.testing.window import Span, span_blocks


def test_roots_that_state_no_role_are_told_as_internal_and_what_they_do_inside_is_not() -> None:
    root, inner = Span("batch", SpanKind.UNSPECIFIED, 1.0, 3.0, 1), Span("batch", SpanKind.INTERNAL, 1.0, 2.0, 2, 1)
    query = SpanQuery(SpanSelector("default"), Range(0, 10 * NANOSECONDS, 10 * NANOSECONDS))
    query.add(TelemetryBatch("default", 0, spans=span_blocks(root, inner)), SeriesTable())
    (group,) = query.result(SeriesTable())
    assert (group.service, group.role, group.count) == ("batch", "internal", 1)
