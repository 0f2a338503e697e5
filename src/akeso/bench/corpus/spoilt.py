"""Faults that are put into traces of a system that is well: what the spans and lines would have been with them.

Calls wait for their answers, so what takes longer at one moment moves everything later in its trace.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from akeso.bench.datasets.nezha_rows import Line, Span
from akeso.domain.telemetry.batches import SpanKind

_MS = 1_000_000
_STOPS_NS = 200_000  # from the last thing that was done to the end
_UP_NS = 500_000  # from the end of a span to that of the one above it


@dataclass(frozen=True, slots=True)
class Recording:
    """Spans and lines of some traces."""

    spans: tuple[Span, ...]
    lines: tuple[Line, ...]

    def moved(self, by: int) -> "Recording":
        """The same, `by` ns later."""
        return self.timed(lambda _, at: at + by)

    def timed(self, when: Callable[[int, int], int]) -> "Recording":
        """The same with other times: (trace, ns) → ns."""
        return Recording(
            tuple(replace(s, start=when(s.trace, s.start), end=when(s.trace, s.end)) for s in self.spans),
            tuple(replace(line, time=when(line.trace, line.time)) for line in self.lines),
        )

    def between(self, start: int, end: int) -> "Recording":
        """The traces whose first span began in [start, end)."""
        begun: dict[int, int] = {}
        for span in self.spans:
            begun[span.trace] = min(span.start, begun.get(span.trace, span.start))
        kept = {trace for trace, at in begun.items() if start <= at < end}
        return self.of(kept)

    def of(self, traces: set[int]) -> "Recording":
        """Some of the traces."""
        return Recording(
            tuple(span for span in self.spans if span.trace in traces),
            tuple(line for line in self.lines if line.trace in traces),
        )

    def and_then(self, other: "Recording") -> "Recording":
        """Both."""
        return Recording((*self.spans, *other.spans), (*self.lines, *other.lines))


Fault: TypeAlias = Callable[[Recording, str], Recording]


def slow_network(delay_ms: float) -> Fault:
    """What a service sends is late: its answers, and its requests to others, as its callees' clocks show it."""

    def spoil(well: Recording, service: str) -> Recording:
        spans = {span.span: span for span in well.spans}
        waits, served = defaultdict(list), set()
        for span in well.spans:
            caller = spans.get(span.parent)
            if span.kind == SpanKind.SERVER and caller is not None and service in {span.service, caller.service}:
                # Clocks are not equal: an answer may seem to arrive before it is sent.
                waits[span.trace].append(min(span.end, caller.end) - 1)
                served.add(span.span)
        late = _delayed(well, waits, delay_ms)
        wait = round(delay_ms * _MS)
        on_time = (replace(s, end=s.end - wait) if s.span in served else s for s in late.spans)
        return replace(late, spans=tuple(on_time))

    return spoil


def slow_code(delay_ms: float) -> Fault:
    """A service takes longer itself, before it does anything else."""

    def spoil(well: Recording, service: str) -> Recording:
        waits = defaultdict(list)
        for span in well.spans:
            if span.kind == SpanKind.SERVER and span.service == service:
                waits[span.trace].append(span.start)
        return _delayed(well, waits, delay_ms)

    return spoil


def stops(well: Recording, service: str) -> Recording:
    """A service leaves its busiest operation after half of its lines; its callers take the answer as it is."""
    return _cut(well, _stopping(well, service))


def fails(well: Recording, service: str) -> Recording:
    """The same, but its callers fail with it: they do nothing more, either."""
    stopped = _stopping(well, service)
    spans, at = {span.span: span for span in well.spans}, dict(stopped)
    for number, time in stopped.items():
        above, when = spans.get(spans[number].parent), time
        while above is not None:
            when += _UP_NS
            at[above.span] = min(when, at.get(above.span, when))
            above = spans.get(above.parent)
    return _cut(well, at)


def _delayed(well: Recording, waits: Mapping[int, Sequence[int]], delay_ms: float) -> Recording:
    def when(trace: int, at: int) -> int:
        return at + round(delay_ms * _MS) * sum(at > wait for wait in waits.get(trace, ()))

    return well.timed(when)


def _stopping(well: Recording, service: str) -> Mapping[int, int]:
    """Span → when it stops, for the spans of the operation with most lines; empty when it has less than two each."""
    lines = _by_span(well.lines)
    told: dict[str, list[Span]] = defaultdict(list)
    for span in well.spans:
        if span.service == service and len(lines.get(span.span, ())) > 1:
            told[span.operation].append(span)
    busiest = max(told.values(), key=len, default=[])
    return {span.span: sorted(line.time for line in lines[span.span])[_half(lines[span.span])] for span in busiest}


def _half(lines: Sequence[Line]) -> int:
    return (len(lines) - 1) // 2


def _cut(well: Recording, stopped: Mapping[int, int]) -> Recording:
    """Without what began below a span after it stopped; the span, and what is left below it, ends then."""
    spans = {span.span: span for span in well.spans}

    def end(number: int) -> int | None:
        """When this span or one above it stops."""
        ends = []
        while number in spans:
            if number in stopped:
                ends.append(stopped[number])
            number = spans[number].parent
        return min(ends, default=None)

    limits = {number: end(number) for number in spans}
    kept = [span for span in well.spans if (limit := limits[span.span]) is None or span.start <= limit]
    lines = [line for line in well.lines if (limit := limits.get(line.span)) is None or line.time <= limit]
    return Recording(tuple(_ended(span, limits[span.span]) for span in kept), tuple(lines))


def _ended(span: Span, limit: int | None) -> Span:
    return span if limit is None else replace(span, end=min(span.end, limit + _STOPS_NS))


def _by_span(lines: Iterable[Line]) -> Mapping[int, list[Line]]:
    found: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        found[line.span].append(line)
    return found
