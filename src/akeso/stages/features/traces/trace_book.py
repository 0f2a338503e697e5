"""The spans and log records of whole traces, kept for as long as a diagnosis may ask for them, in bounded memory."""

from collections.abc import Sequence

import numpy as np

from akeso.domain.telemetry.batches import LogBlock, Mask, SpanBlock, SpanIds
from akeso.domain.telemetry.traces import LINE, SPAN, Place, Rows, Traces
from akeso.stages.features.code_places import code_place, tags_behind
from akeso.stages.features.log_features import Pattern

_MOST_PLACES = 600  # of one service: operations, and statements that log
# Fibonacci hashing: ids that a weak source made are spread over the whole range.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_LEAST_ROOM = 4_096


class TraceBook:
    """Keeps every trace until there is no room for all, and then an evenly drawn half of them, a quarter and so on.

    A trace is drawn by its id, so that of one all parts are kept or none. Room is made up to the age `span` (ns) first.
    """

    def __init__(self, span: int, room: int = 240_000) -> None:
        """room: rows, of spans (48 bytes) and of lines (28 bytes) together."""
        self._span, self._room = span, max(room, _LEAST_ROOM)
        self._places: list[tuple[str, Place | Pattern]] = []
        self._ids: dict[tuple[str, str, str | int], int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._spans: list[Rows] = []
        self._lines: list[Rows] = []
        self._rows = 0
        self._newest = 0
        self._halved = 0

    def add_spans(self, tenant: str, block: SpanBlock) -> None:
        """Take in the spans of one service."""
        kept = np.flatnonzero(self._drawn(block.trace))
        if not len(kept):
            return
        rows = np.zeros(len(kept), SPAN)
        used, which = np.unique(block.operation[kept], return_inverse=True)
        places = [self._operation(tenant, block.service, block.operations[code]) for code in used.tolist()]
        rows["place"] = np.array(places, np.int32)[which]
        for name in ("trace", "span", "parent", "error", "start"):
            rows[name] = getattr(block, name)[kept]
        rows["kind"] = block.role[kept]
        rows["end"] = block.end[kept]
        self._spans.append(rows)
        self._grow(rows, int(rows["end"].max()))

    def add_lines(self, tenant: str, block: LogBlock, patterns: Sequence[Pattern]) -> None:
        """Take in the records of one service that belong to a trace, each with its pattern."""
        kept = np.flatnonzero(self._drawn(block.trace) & (block.trace != 0))
        if not len(kept):
            return
        rows = np.zeros(len(kept), LINE)
        rows["place"] = [self._statement(tenant, block, i, patterns[i]) for i in kept.tolist()]
        rows["trace"], rows["time"] = block.trace[kept], block.time[kept]
        if len(block.span):
            rows["span"] = block.span[kept]
        self._lines.append(rows)
        self._grow(rows, int(rows["time"].max()))

    def between(self, tenant: str, start: int, end: int) -> Traces:
        """What began in [start, end] (ns) of one tenant."""
        self._compact()
        mine = np.array([owner == tenant for owner, _ in self._places], np.bool_)
        spans, lines = self._spans[0], self._lines[0]
        spans = spans[mine[spans["place"]] & (spans["start"] >= start) & (spans["start"] <= end)]
        lines = lines[mine[lines["place"]] & (lines["time"] >= start) & (lines["time"] <= end)]
        return Traces(tuple(_place(each) for _, each in self._places), _once(spans), lines)

    def _drawn(self, trace: SpanIds) -> Mask:
        if not self._halved:
            return np.ones(len(trace), np.bool_)
        drawn: Mask = (trace * _SPREAD) >> np.uint64(64 - self._halved) == 0
        return drawn

    def _operation(self, tenant: str, service: str, name: str) -> int:
        return self._intern(tenant, service, name, Place(service, name))

    def _statement(self, tenant: str, block: LogBlock, row: int, pattern: Pattern) -> int:
        line, severity = block.body[row], int(block.severity[row])
        place = code_place(line)
        if not place:
            return self._intern(tenant, block.service, id(pattern), pattern)
        known = self._ids.get((tenant, block.service, f"{place}/{severity}"))
        if known is not None:
            return known
        name = f"{place} {tags_behind(line, place)}".rstrip()
        return self._intern(tenant, block.service, f"{place}/{severity}", Place(block.service, name, max(1, severity)))

    def _intern(self, tenant: str, service: str, key: str | int, place: Place | Pattern) -> int:
        found = self._ids.get((tenant, service, key))
        if found is not None:
            return found
        count = self._counts.get((tenant, service), 0)
        if count >= _MOST_PLACES and key != "":
            return self._intern(tenant, service, "", Place(service, "other"))
        self._counts[tenant, service] = count + 1
        found = self._ids[tenant, service, key] = len(self._places)
        self._places.append((tenant, place))
        return found

    def _grow(self, rows: Rows, newest: int) -> None:
        self._rows += len(rows)
        self._newest = max(self._newest, newest)
        if self._rows > self._room:
            self._compact()
            self._make_room()

    def _compact(self) -> None:
        spans = np.concatenate(self._spans) if self._spans else np.empty(0, SPAN)
        lines = np.concatenate(self._lines) if self._lines else np.empty(0, LINE)
        self._spans, self._lines = [spans], [lines]

    def _make_room(self) -> None:
        oldest = self._newest - self._span
        self._keep(self._spans[0]["end"] >= oldest, self._lines[0]["time"] >= oldest)
        if self._rows < self._room // 4 and self._halved:
            self._halved -= 1
        # An eighth stays free, so that rows are not gone through for each batch.
        while self._rows > self._room - self._room // 8 and self._halved < 63:
            self._halved += 1
            self._keep(self._drawn(self._spans[0]["trace"]), self._drawn(self._lines[0]["trace"]))

    def _keep(self, spans: Mask, lines: Mask) -> None:
        self._spans, self._lines = [self._spans[0][spans]], [self._lines[0][lines]]
        self._rows = len(self._spans[0]) + len(self._lines[0])


def _place(known: Place | Pattern) -> Place:
    if isinstance(known, Place):
        return known
    return Place(known.service, known.template or known.example, max(1, known.severity))


def _once(spans: Rows) -> Rows:
    """Each span once, however often it was told."""
    _, first = np.unique(spans["span"], return_index=True)
    return spans[np.sort(first)]
