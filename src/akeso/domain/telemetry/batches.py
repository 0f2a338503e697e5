"""Telemetry as columns: what sources decode into and every stage reads.

All times are integer nanoseconds since the Unix epoch (UTC). Blocks are immutable by convention: nobody writes into
the arrays of a block that was published.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntFlag, StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]
Ids: TypeAlias = NDArray[np.int32]
Codes: TypeAlias = NDArray[np.uint8]
SpanIds: TypeAlias = NDArray[np.uint64]
Mask: TypeAlias = NDArray[np.bool_]

Attributes: TypeAlias = tuple[tuple[str, str], ...]

NANOSECONDS = 1_000_000_000


class Kind(IntFlag):
    """What telemetry there is."""

    METRICS = 1
    LOGS = 2
    SPANS = 4
    CHANGES = 8


class Temporality(StrEnum):
    """How a point relates to the one before it."""

    GAUGE = "gauge"  # a level
    CUMULATIVE = "cumulative"  # a monotonic sum since a start; the feature stage makes a rate of it, minding resets
    DELTA = "delta"  # a sum since the previous point


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """The identity of one time series. `attributes` are sorted by name and exclude the service's own name.

    A histogram becomes several series that share the metric's name and carry `stat`:
    "count" and "sum" (cumulative or delta), and one "bucket" per upper bound with the attribute ("le", "<bound>").
    As in Prometheus a bucket counts all observations up to its bound, and the last one has the bound "+Inf".
    An exponential histogram has "range" series instead, one per occupied bucket, with the attributes ("gt", "<bound>")
    and ("le", "<bound>"); each counts the observations between its bounds alone, and one that is not told is empty.
    """

    tenant: str
    service: str
    metric: str
    attributes: Attributes = ()
    unit: str = ""
    temporality: Temporality = Temporality.GAUGE
    stat: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class MetricBlock:
    """Points of many series. series: int32[n] ids of a SeriesTable, time: int64[n] ns, value: float64[n]."""

    series: Ids
    time: Times
    value: Floats

    def __len__(self) -> int:
        return len(self.series)

    def where(self, keep: Mask) -> "MetricBlock":
        """The points that are kept."""
        return MetricBlock(self.series[keep], self.time[keep], self.value[keep])

    @classmethod
    def empty(cls) -> "MetricBlock":
        return cls(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class LogBlock:
    """Log records of one service.

    time: int64[n] ns; severity: uint8[n] OpenTelemetry severity number (1–24, 9 info, 13 warn, 17 error, 21 fatal,
    0 unknown); body: n strings; trace: uint64[n] low half of the trace id, 0 if none; span: uint64[n] the span that it
    was written in, 0 if none, or empty when the sender tells no spans at all.
    """

    service: str
    time: Times
    severity: Codes
    body: tuple[str, ...]
    trace: SpanIds
    attributes: Attributes = ()
    span: SpanIds = field(default_factory=lambda: np.empty(0, np.uint64))

    def __len__(self) -> int:
        return len(self.body)

    def where(self, keep: Mask) -> "LogBlock":
        """The records that are kept."""
        body = tuple(line for line, kept in zip(self.body, keep.tolist(), strict=True) if kept)
        span = self.span[keep] if len(self.span) else self.span
        return LogBlock(
            self.service, self.time[keep], self.severity[keep], body, self.trace[keep], self.attributes, span
        )


class SpanKind:
    """OTLP span kinds as integers."""

    UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class SpanBlock:
    """Spans of one service.

    trace: uint64[n] low half of the trace id; span, parent: uint64[n] (parent 0 = root); operation: int32[n] into
    `operations`; peer: int32[n] into `peers` (the name of the remote side as the client knows it: `peer.service`,
    `server.address`, `db.system.name`, messaging destination; index of "" if unknown); kind: uint8[n] SpanKind;
    start, duration: int64[n] ns; error: bool[n]; link: uint64[n] the span that this one goes on from without being its
    child (a consumer's producer), 0 if none, or empty when none of them has any.
    """

    service: str
    operations: tuple[str, ...]
    peers: tuple[str, ...]
    trace: SpanIds
    span: SpanIds
    parent: SpanIds
    operation: Ids
    peer: Ids
    kind: Codes
    start: Times
    duration: Times
    error: Mask
    link: SpanIds = field(default_factory=lambda: np.empty(0, np.uint64))

    def __len__(self) -> int:
        return len(self.span)

    @property
    def role(self) -> Codes:
        """uint8[n] SpanKind, SERVER for a root of kind INTERNAL or UNSPECIFIED: nobody called it, so its service is
        entered there (a job, a framework that states no kinds)."""
        roots = (self.kind <= SpanKind.INTERNAL) & (self.parent == 0)
        return np.where(roots, np.uint8(SpanKind.SERVER), self.kind) if roots.any() else self.kind

    @property
    def end(self) -> Times:
        """int64[n] ns."""
        return self.start + self.duration

    def where(self, keep: Mask) -> "SpanBlock":
        """The spans that are kept."""
        columns = ("trace", "span", "parent", "operation", "peer", "kind", "start", "duration", "error")
        link = self.link[keep] if len(self.link) else self.link
        return replace(self, **{name: getattr(self, name)[keep] for name in columns}, link=link)


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody or something changed a service: deploy, config, scale or flag."""

    service: str
    kind: str
    version: str
    at: datetime
    by: str = ""
    url: str = ""
    labels: Attributes = ()


@dataclass(frozen=True, slots=True, eq=False)
class TelemetryBatch:
    """What one request to a source decoded to. Every source yields these and nothing else.

    received_at: ns; author: the name of the key that it was sent with, "" for a sender without one; delay: ns by which
    it was handed on later than it was measured, by design: what is pulled is late, and no clock is wrong.
    """

    tenant: str
    received_at: int
    metrics: MetricBlock = field(default_factory=MetricBlock.empty)
    logs: tuple[LogBlock, ...] = ()
    spans: tuple[SpanBlock, ...] = ()
    changes: tuple[Change, ...] = ()
    author: str = ""
    delay: int = 0

    def __len__(self) -> int:
        """The number of points, log records, spans and changes."""
        return len(self.metrics) + sum(map(len, self.logs)) + sum(map(len, self.spans)) + len(self.changes)

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        metrics = 20 * len(self.metrics)
        logs = sum(120 * len(block) + sum(map(len, block.body)) for block in self.logs)
        return metrics + logs + 58 * sum(map(len, self.spans)) + 500 * len(self.changes)

    @property
    def kinds(self) -> "Kind":
        """What it holds."""
        there = (len(self.metrics), len(self.logs), len(self.spans), len(self.changes))
        return Kind(sum(kind for kind, some in zip(Kind, there, strict=True) if some))

    @property
    def span(self) -> tuple[int, int]:
        """The oldest and the newest stamp in it, ns (of spans their ends); the arrival for what holds no stamps."""
        columns = [self.metrics.time, *(block.time for block in self.logs), *(block.end for block in self.spans)]
        stamps = [(int(column.min()), int(column.max())) for column in columns if len(column)]
        stamps += [(at, at) for at in (round(change.at.timestamp() * NANOSECONDS) for change in self.changes)]
        found = stamps or [(self.received_at, self.received_at)]
        return min(oldest for oldest, _ in found), max(newest for _, newest in found)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureFrame:
    """One aligned slot over all feature series known so far, of all tenants.

    end: end of the slot, ns (the slot is the half-open interval [end - width, end)); width: ns; values: float64[n],
    row i belongs to feature series i of the feature SeriesTable, NaN where the slot has no value; signals: uint8[n]
    Signal codes (see akeso.domain.telemetry.signal), the same length. partial: an early look at a slot that is not
    over; `end` is then the instant of the look, and the whole slot follows. every: int64[n] ns, the cadence of each
    series: from one value to the next as its sender tells them, `width` for what each slot tells; empty when that
    holds for all.
    """

    end: int
    width: int
    values: Floats
    signals: Codes
    partial: bool = False
    every: Times = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def slots_between(self) -> Floats:
        """float64[n], or float64[1] for all: slots from one value to the next, 1 for what each slot tells."""
        return np.maximum(self.every / self.width, 1.0) if len(self.every) else np.ones(1)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMatrix:
    """A window of frames. keys: n series; times: int64[t] slot ends, ascending; values: float64[t, n], NaN missing."""

    keys: tuple[SeriesKey, ...]
    signals: Codes
    times: Times
    values: Floats
