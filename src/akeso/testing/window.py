"""A hot window that holds what a test gives it, and a maker of spans as a tracer would export them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from akeso.domain.estate.topology import Topology
from akeso.domain.incident.case import LogPattern
from akeso.domain.telemetry.batches import NANOSECONDS, Change, FeatureMatrix, SpanBlock, SpanKind
from akeso.domain.telemetry.traces import Traces


@dataclass
class FixedWindow:
    """Implements akeso.ports.window for one tenant over one matrix; fields may be changed between calls."""

    matrix: FeatureMatrix
    patterns: tuple[LogPattern, ...] = ()
    known_changes: tuple[Change, ...] = ()
    graph: Topology = field(default_factory=Topology)

    @property
    def now(self) -> int:
        """The end of the newest slot."""
        return int(self.matrix.times[-1]) if len(self.matrix.times) else 0

    def features(self, tenant: str, start: int, end: int) -> FeatureMatrix:
        """The rows of the matrix in the range, of the tenant's series."""
        rows = (self.matrix.times >= start) & (self.matrix.times <= end)
        columns = [number for number, key in enumerate(self.matrix.keys) if key.tenant == tenant]
        return FeatureMatrix(
            tuple(self.matrix.keys[number] for number in columns),
            self.matrix.signals[columns],
            self.matrix.times[rows],
            self.matrix.values[rows][:, columns],
        )

    def logs(self, tenant: str, start: int, end: int) -> Sequence[LogPattern]:
        """The patterns, cut to the range."""
        del tenant
        rows = (self.matrix.times >= start) & (self.matrix.times <= end)
        return [replace(pattern, counts=pattern.counts[rows]) for pattern in self.patterns]

    def changes(self, tenant: str, start: int, end: int) -> Sequence[Change]:
        """The changes dated in the range."""
        del tenant
        return [each for each in self.known_changes if start <= each.at.timestamp() * NANOSECONDS <= end]

    def traces(self, tenant: str, start: int, end: int) -> Traces:
        """No traces."""
        del tenant, start, end
        return Traces()

    def authors(self, tenant: str, services: Collection[str], since: int) -> Mapping[str, frozenset[str]]:
        """The same sender told of everything."""
        del tenant, since
        return dict.fromkeys(services, frozenset({"sender"}))

    def topology(self, tenant: str) -> Topology:
        """The graph."""
        del tenant
        return self.graph


@dataclass(frozen=True, slots=True)
class Span:
    """One span, times in seconds."""

    service: str
    kind: int
    start: float
    end: float
    id: int
    parent: int = 0
    operation: str = "GET /"
    peer: str = ""
    error: bool = False
    link: int = 0


@dataclass
class Tracer:
    """Makes spans with ids of their own."""

    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def server(self, service: str, start: float, end: float, parent: int = 0, **more: object) -> Span:
        """An entry into a service."""
        return self._span(service, SpanKind.SERVER, (start, end), parent, more)

    def client(self, caller: Span, peer: str, start: float, end: float, **more: object) -> Span:
        """A call made while `caller` was served."""
        return self._span(caller.service, SpanKind.CLIENT, (start, end), caller.id, {"peer": peer, **more})

    def _span(self, service: str, kind: int, at: tuple[float, float], parent: int, more: dict[str, object]) -> Span:
        return replace(Span(service, kind, *at, id=next(self._ids), parent=parent), **more)  # type: ignore[arg-type]


def span_blocks(*spans: Span) -> tuple[SpanBlock, ...]:
    """The spans as blocks, one a service."""
    services = dict.fromkeys(span.service for span in spans)
    return tuple(_block(service, [span for span in spans if span.service == service]) for service in services)


def _block(service: str, spans: Sequence[Span]) -> SpanBlock:
    operations = tuple(dict.fromkeys(span.operation for span in spans))
    peers = tuple(dict.fromkeys(span.peer for span in spans))
    start = np.array([round(span.start * NANOSECONDS) for span in spans], np.int64)
    return SpanBlock(
        service=service,
        operations=operations,
        peers=peers,
        trace=np.ones(len(spans), np.uint64),
        span=np.array([span.id for span in spans], np.uint64),
        parent=np.array([span.parent for span in spans], np.uint64),
        operation=np.array([operations.index(span.operation) for span in spans], np.int32),
        peer=np.array([peers.index(span.peer) for span in spans], np.int32),
        kind=np.array([span.kind for span in spans], np.uint8),
        start=start,
        duration=np.array([round(span.end * NANOSECONDS) for span in spans], np.int64) - start,
        error=np.array([span.error for span in spans], np.bool_),
        link=np.array([span.link for span in spans], np.uint64),
    )
