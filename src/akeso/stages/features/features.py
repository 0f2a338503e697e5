"""Telemetry batches to feature frames: the stage that puts metrics, spans, logs and silence into one row a slot."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from akeso.domain.estate.topology import Topology
from akeso.domain.telemetry.batches import Codes, FeatureFrame, Floats, Ids, TelemetryBatch
from akeso.domain.telemetry.rows import grown
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.features.alignment import MetricAligner
from akeso.stages.features.cadences import STALE_AFTER
from akeso.stages.features.log_features import LogAligner, Pattern
from akeso.stages.features.metric_meanings import signal_of
from akeso.stages.features.sender_clocks import SenderClocks
from akeso.stages.features.silence import Silence
from akeso.stages.features.slots import Arrival, FeatureOptions, Tally
from akeso.stages.features.status_ratios import StatusRatios
from akeso.stages.features.traces.spans import SpanAligner
from akeso.stages.features.traces.trace_book import TraceBook

# Nothing arrived for so many slots, and for longer than is usual: what lies between is no data, and a frame for each
# would only say so.
_LONGEST_GAP = 10


@dataclass(frozen=True, slots=True, eq=False)
class ClosedSlot:
    """Everything known of one slot. patterns: log patterns with their number of records; topologies: by tenant; traces:
    those of the last minutes."""

    frame: FeatureFrame
    patterns: tuple[tuple[Pattern, int], ...]
    topologies: Mapping[str, Topology]
    traces: TraceBook | None = None


class FeatureBuilder:
    """Files what arrives under slots and closes slots in order, each once, when the watermark has passed them.

    Time is told by the caller (`received_at` of batches, the watermark), so history goes the same way as live data.
    `ingest` is the table that batches refer to, `features` the one that frames refer to.
    """

    def __init__(self, ingest: SeriesTable, features: SeriesTable, options: FeatureOptions | None = None) -> None:
        self.options = options or FeatureOptions()
        self.tally = Tally()
        self._table = features
        self._width = duration_ns(self.options.slot)
        self._lateness = duration_ns(self.options.lateness)
        self.clocks = SenderClocks(self.options)
        self._metrics = MetricAligner(ingest, features, self.options, self.tally, self.clocks)
        self._spans = SpanAligner(features, self.options, self.tally, self.clocks)
        self._logs = LogAligner(features, self.options, self.tally, self.clocks)
        self._traces = TraceBook(duration_ns(self.options.traces))
        self._silence = Silence(features, duration_ns(self.options.forget), self._width)
        self._ratios = StatusRatios(features)
        self._signals = np.zeros(0, np.uint8)
        self._declared = 0
        self._open: int | None = None
        self._looked: int | None = None
        self._tenants: set[str] = set()

    @property
    def open(self) -> int | None:
        """Start of the oldest slot that is not closed, ns; None before the first batch."""
        return self._open

    def add(self, batch: TelemetryBatch) -> None:
        """Take a batch in. What belongs to slots that are closed is handled as FeatureOptions says."""
        if self._open is None:
            self._open = self._slot_start(batch.received_at - self._lateness)
        arrival = Arrival(batch.received_at, self._open, batch.delay)
        self._tenants.add(batch.tenant)
        if len(batch.metrics):
            for tenant, service in self._metrics.add(batch.metrics, arrival):
                self._heard(tenant, service, batch.received_at)
        for spans in batch.spans:
            self._spans.add(batch.tenant, spans, arrival)
            self._traces.add_spans(batch.tenant, spans)
            self._heard(batch.tenant, spans.service, batch.received_at)
        for logs in batch.logs:
            if patterns := self._logs.add(batch.tenant, logs, arrival):
                self._traces.add_lines(batch.tenant, logs, patterns)
            self._heard(batch.tenant, logs.service, batch.received_at)

    def _heard(self, tenant: str, service: str, received: int) -> None:
        self._silence.heard(tenant, service, received)
        self._spans.heard(tenant, service)

    def close_until(self, instant: int) -> Iterator[ClosedSlot]:
        """Close every slot that ended `lateness` before `instant` (ns), oldest first."""
        watermark = instant - self._lateness
        while self._open is not None and self._open + self._width <= watermark:
            if self._is_gap(watermark):
                self._jump(watermark)
            else:
                self._open += self._width
                yield self._close(self._open)

    def look(self, instant: int) -> FeatureFrame | None:
        """What the open slot would tell by now, once a slot, halfway between its start and its closing, so that nothing
        that arrives in it waits longer than that for a look or the closing. None at other times, and when nothing has
        arrived since the slot began. Closes nothing.

        Log records are left out: they are counted by the slot, and half of it says little.
        """
        start = self._open
        if start is None or start == self._looked or not self.options.early_evaluation:
            return None
        at = start + (self._width + self._lateness) // 2
        if instant < at or at >= start + self._width or len(self._table) > self.options.early_evaluation_series:
            return None
        self._looked = start
        if self._silence.newest < start:
            return None
        end = start + self._width
        parts = (self._metrics.look(end), self._spans.look(end, deaf=False), self._silence.look(at, start))
        return self._frame(at, parts, partial=True)

    def _is_gap(self, watermark: int) -> bool:
        # Stamps run ahead of their arrival by the allowed skew, so what arrived last may lie in a slot that far on.
        assert self._open is not None
        last = self._silence.newest + duration_ns(self.options.skew)
        longest = max(_LONGEST_GAP * self._width, STALE_AFTER * self._silence.pause)
        return self._open >= last and watermark - self._open > longest

    def _jump(self, watermark: int) -> None:
        self._open = self._slot_start(watermark)
        self.tally.gaps += 1
        self._spans.clear()
        self._metrics.histograms.clear()

    def _close(self, end: int) -> ClosedSlot:
        deaf = self._silence.newest < end - self._width
        *_, patterns = logs = self._logs.close(end, deaf=deaf)
        metrics = self._metrics.close(end)
        parts = (
            metrics,
            self._ratios.close(*metrics),
            self._spans.close(end, deaf=deaf),
            self._silence.close(end, self._width),
            logs[:2],
        )
        frame = self._frame(end, parts)
        topologies = {tenant: self._topology(tenant) for tenant in self._tenants}
        return ClosedSlot(frame, patterns, topologies, self._traces)

    def _frame(self, end: int, parts: Iterable[tuple[Ids, Floats]], *, partial: bool = False) -> FeatureFrame:
        values = np.full(len(self._table), np.nan)
        for ids, found in parts:
            values[ids] = found
        every = self._metrics.cadences.told(len(values))
        self._ratios.keep_pace(every)
        return FeatureFrame(end, self._width, values, self._signals_of(len(values)), partial, every)

    def _topology(self, tenant: str) -> Topology:
        return self._spans.book.topology(tenant, self._silence.services(tenant))

    def _signals_of(self, size: int) -> Codes:
        self._signals = grown(self._signals, size, 0)
        for series in range(self._declared, size):
            self._signals[series] = signal_of(self._table[series])
        self._declared = max(self._declared, size)
        return self._signals[:size].copy()

    def _slot_start(self, instant: int) -> int:
        return instant // self._width * self._width
