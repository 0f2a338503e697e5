"""The hot window in memory: the last minutes of features as a ring, and what happened beside them."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

import numpy as np

from akeso.adapters.telemetry.panes import Panes
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.case import LogPattern
from akeso.domain.telemetry.batches import Change, FeatureFrame, FeatureMatrix, Floats, Ids, Times
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.domain.telemetry.traces import Traces
from akeso.stages.features.authors import AuthorBook
from akeso.stages.features.declared_topology import DeclaredTopology
from akeso.stages.features.features import ClosedSlot
from akeso.stages.features.log_features import Pattern
from akeso.stages.features.traces.trace_book import TraceBook

_CHANGES_KEPT = 1_000


class HotWindow:
    """Implements akeso.ports.window over `span / slot` frames of the feature series in `table`.

    Values are held as float32, which is exact to seven digits, those that are no longer new in half of that (see
    akeso.adapters.telemetry.coded). All a query returns is a copy.
    declared: edges from elsewhere than spans; forget: how long those count after they were last seen.
    """

    def __init__(
        self, slot: timedelta, span: timedelta, table: SeriesTable, forget: timedelta = timedelta(minutes=30)
    ) -> None:
        self._slots = max(1, round(span / slot))
        self._table = table
        self._values = Panes(self._slots)
        self._signals = np.zeros(0, np.uint8)
        self._ends: Times = np.zeros(self._slots, np.int64)
        self._written = 0
        self._tenant_of: list[str] = []
        self._patterns: deque[tuple[int, tuple[tuple[Pattern, int], ...]]] = deque(maxlen=self._slots)
        self._changes: dict[str, deque[Change]] = {}
        self._topologies: dict[str, Topology] = {}
        self._traces: TraceBook | None = None
        self.declared = DeclaredTopology(duration_ns(forget))
        self._authors = AuthorBook(2 * duration_ns(span))

    @property
    def now(self) -> int:
        """The end of the newest slot, ns; 0 before the first."""
        return int(self._ends[(self._written - 1) % self._slots]) if self._written else 0

    def record(self, closed: ClosedSlot) -> None:
        """Take in the next slot."""
        self._record_frame(closed.frame)
        self._patterns.append((closed.frame.end, closed.patterns))
        self._topologies.update(closed.topologies)
        self._traces = closed.traces

    def record_changes(self, tenant: str, changes: Sequence[Change]) -> None:
        """Take in changes; each counts once, however often it is sent."""
        kept = self._changes.setdefault(tenant, deque(maxlen=_CHANGES_KEPT))
        kept.extend(change for change in dict.fromkeys(changes) if change not in kept)

    def record_author(self, tenant: str, author: str, services: Iterable[str], at: int) -> None:
        """`author` spoke of `services` at `at`, ns."""
        self._authors.hear(tenant, author, services, at)

    def authors(self, tenant: str, services: Collection[str], since: int) -> Mapping[str, frozenset[str]]:
        """Service → who was heard of it at or after `since`."""
        return self._authors.authors(tenant, services, since)

    def features(self, tenant: str, start: int, end: int) -> FeatureMatrix:
        """All feature series of a tenant over the slots that end in [start, end]."""
        numbers = self._numbers(start, end)
        size = len(self._signals)
        self._tenant_of.extend(self._table[series].tenant for series in range(len(self._tenant_of), size))
        series = np.array([number for number in range(size) if self._tenant_of[number] == tenant], np.int32)
        return FeatureMatrix(
            keys=tuple(self._table[number] for number in series.tolist()),
            signals=self._signals[series],
            times=self._ends[numbers % self._slots],
            values=self._values.read(numbers, series),
        )

    def frames(self, start: int, end: int) -> FeatureMatrix:
        """All feature series of all tenants, by row, over the slots that end in [start, end]."""
        numbers = self._numbers(start, end)
        size = len(self._signals)
        keys = tuple(self._table[series] for series in range(size))
        values = self._values.read(numbers, np.arange(size, dtype=np.int32))
        return FeatureMatrix(keys, self._signals, self._ends[numbers % self._slots], values)

    def logs(self, tenant: str, start: int, end: int) -> Sequence[LogPattern]:
        """Patterns seen in the range, most frequent first, counts aligned with `features(tenant, start, end).times`."""
        ends = self._ends[self._numbers(start, end) % self._slots]
        place = {slot_end: number for number, slot_end in enumerate(ends.tolist())}
        found: dict[int, tuple[Pattern, Floats]] = {}
        for slot_end, patterns in self._patterns:
            if slot_end in place:
                for pattern, count in patterns:
                    if pattern.tenant == tenant:
                        _, counts = found.setdefault(id(pattern), (pattern, np.zeros(len(place))))
                        counts[place[slot_end]] += count
        ranked = sorted(found.values(), key=lambda each: -each[1].sum())
        return [LogPattern(p.service, p.template, p.severity, p.example, counts) for p, counts in ranked]

    def changes(self, tenant: str, start: int, end: int) -> Sequence[Change]:
        """Changes dated in [start, end], oldest first; kept beyond the window, up to the last thousand."""
        kept = self._changes.get(tenant, ())
        found = [change for change in kept if start <= epoch_ns(change.at) <= end]
        return sorted(found, key=lambda change: change.at)

    def topology(self, tenant: str) -> Topology:
        """The picture after the newest slot, with the edges that were declared."""
        return self.declared.joined(tenant, self._topologies.get(tenant, Topology()), self.now)

    def traces(self, tenant: str, start: int, end: int) -> Traces:
        """What was kept of whole traces in the range."""
        return Traces() if self._traces is None else self._traces.between(tenant, start, end)

    def _record_frame(self, frame: FeatureFrame) -> None:
        self._signals = frame.signals
        self._values.write(self._written, frame.values)
        self._ends[self._written % self._slots] = frame.end
        self._written += 1

    def _numbers(self, start: int, end: int) -> Ids:
        """The frames of the range that are held, in order of time, by how many were before them."""
        count = min(self._written, self._slots)
        numbers = np.arange(self._written - count, self._written, dtype=np.int32)
        ends = self._ends[numbers % self._slots]
        return numbers[(ends >= start) & (ends <= end)]
