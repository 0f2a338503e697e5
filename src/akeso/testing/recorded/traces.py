"""Traces made step by step, for tests of what reads them."""

from dataclasses import dataclass, field
from itertools import count

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, SpanKind
from akeso.domain.telemetry.traces import LINE, SPAN, Place, Traces

_MS = 1_000_000


@dataclass
class TraceWriter:
    """Collects spans and lines; times are milliseconds, `traces()` gives what was written."""

    _places: dict[Place, int] = field(default_factory=dict)
    _spans: list[tuple[int, int, bool, int, int, int, int, int]] = field(default_factory=list)
    _lines: list[tuple[int, int, int, int]] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def trace(self) -> int:
        """A new trace."""
        return next(self._ids)

    def span(
        self,
        trace: int,
        where: tuple[str, str],
        at_ms: tuple[float, float],
        parent: int = 0,
        kind: int = SpanKind.INTERNAL,
    ) -> int:
        """A span of (service, operation) from one time to another; its id."""
        number = next(self._ids)
        start, end = (round(each * _MS) for each in at_ms)
        self._spans.append((self._place(Place(*where)), kind, False, trace, number, parent, start, end))
        return number

    def line(self, trace: int, where: tuple[str, str], at_ms: float, span: int = 0, severity: int = 9) -> None:
        """A log line of (service, place)."""
        self._lines.append((self._place(Place(*where, severity)), trace, span, round(at_ms * _MS)))

    def traces(self) -> Traces:
        """All of it."""
        return Traces(tuple(self._places), np.array(self._spans, SPAN), np.array(self._lines, LINE))

    def _place(self, place: Place) -> int:
        return self._places.setdefault(place, len(self._places))


def second(at: float) -> int:
    """Seconds as ns."""
    return round(at * NANOSECONDS)
