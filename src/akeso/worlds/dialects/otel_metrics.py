"""OpenTelemetry metrics: what SDKs export of calls, pools and processes.

Every 60 s by default: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from akeso.worlds.answers import Answer
from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.collector import Export, Exporter, ExportOptions
from akeso.worlds.dialects.otel.conventions import raised_by_callee, raised_by_caller, serves
from akeso.worlds.dialects.otel.exponential import buckets
from akeso.worlds.dialects.otel.instruments import Instrument, client_metric, pool_name, server_metric
from akeso.worlds.dialects.otel.resource import Resources
from akeso.worlds.dialects.otel.runtime_metrics import Counters, Reading, Writer, write_runtime
from akeso.worlds.dialects.schedule import Schedule
from akeso.worlds.dialects.tally.grid import fold
from akeso.worlds.dialects.tally.histograms import Histograms
from akeso.worlds.dialects.wire.otlp import (
    CUMULATIVE,
    DELTA,
    Metrics,
    Value,
    attributes,
    bounds_field,
    exponential_point,
    histogram_point,
    scope,
    scoped,
)
from akeso.worlds.estate.service import CallProtocol
from akeso.worlds.observation import Observation

_Labels: TypeAlias = tuple[tuple[str, Value], ...]
_Place: TypeAlias = tuple[Instrument, _Labels]
_Counted: TypeAlias = tuple[NDArray[np.int64], float]  # counts on the grid, and the sum in ms


class MetricOptions(BaseModel):
    """As in the SDK's settings: OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, …_DEFAULT_HISTOGRAM_AGGREGATION and
    OTEL_SEMCONV_STABILITY_OPT_IN."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conventions: Literal["stable", "old"] = "stable"
    temporality: Literal["cumulative", "delta"] = "cumulative"
    histograms: Literal["explicit", "exponential"] = "explicit"
    runtime: bool = True
    export: ExportOptions = ExportOptions()


class OtelMetrics:
    """Request durations of both sides, connection pools and runtimes, from each process by its own clock."""

    name: ClassVar[str] = "otel_metrics"
    Options: ClassVar[type[BaseModel]] = MetricOptions
    default_every_s: ClassVar[float] = 60.0

    def __init__(self, assignment: Assignment, options: MetricOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options = assignment, options
        self._old = options.conventions == "old"
        self._exporter = Exporter("metrics", options.export)
        enriched = options.export.through == "collector"
        self._resources = Resources(assignment.tally, old=self._old, enriched=enriched)
        self._before: dict[int, tuple[int, int, dict[_Place, _Counted]]] = {}
        self._told: dict[tuple[int, int], Counters] = {}
        self._places: dict[tuple[bool, int], _Place | None] = {}
        self._encoded: dict[_Labels, bytes] = {}

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        tally = self._assignment.tally
        tally.take(observation)
        self._schedule.renew(tally.lives)
        for row, at in self._schedule.due(observation.end, self._assignment.speaking() & self._writes):
            self._export(row, at)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._exporter.due(now)

    @cached_property
    def _schedule(self) -> Schedule:
        every = self._assignment.every_s or self.default_every_s
        count = len(self._assignment.tally.census.instances)
        return Schedule(every, count, self._assignment.start, self._assignment.random)

    @cached_property
    def _writes(self) -> NDArray[np.bool_]:
        tally = self._assignment.tally
        return np.array([serves(each) for each in tally.census.services], np.bool_)[tally.service_of]

    def _export(self, row: int, scheduled: int) -> None:
        tally = self._assignment.tally
        census, columns = tally.census, tally.latest.instances
        instance = census.instances[row]
        service = census.services[instance.service]
        ahead = round(float(columns.clock_skew_s[row]) * 1e9)
        start, at = int(tally.lives.began[row]) + ahead, scheduled + ahead
        calls, others = Metrics(), Metrics()
        self._calls(calls, row, start, at)
        reading = Reading(columns, tally.instances, row, start, at)
        writer = Writer(others, reading, self._counters(row, reading))
        self._levels(writer, row)
        if self._options.runtime:
            write_runtime(service.runtime, writer, old=self._old)
        body = self._resources.of(row) + scoped(scope("opentelemetry.instrumentation"), calls.fields())
        body += scoped(scope("opentelemetry.runtime"), others.fields())
        if writer.since is not None:
            writer.since.at = at
        items = calls.points + others.points
        self._exporter.put(Export(scheduled, instance.name, service.runtime.value, body, items))

    def _counters(self, row: int, reading: Reading) -> Counters | None:
        if self._options.temporality == "cumulative":
            return None
        key = (row, int(self._assignment.tally.lives.number[row]))
        return self._told.setdefault(key, Counters(reading.start))

    def _calls(self, metrics: Metrics, row: int, start: int, at: int) -> None:
        now = self._counted(row)
        kind = CUMULATIVE
        if self._options.temporality == "delta":
            now, start = self._since(row, now, start, at)
            kind = DELTA
        by_instrument: dict[Instrument, list[tuple[_Labels, _Counted]]] = {}
        for (instrument, labels), counted in now.items():
            by_instrument.setdefault(instrument, []).append((labels, counted))
        write = self._explicit if self._options.histograms == "explicit" else self._exponential
        for instrument, found in by_instrument.items():
            write(metrics, instrument, kind, (start, at), found)

    def _explicit(
        self,
        metrics: Metrics,
        instrument: Instrument,
        kind: int,
        times: tuple[int, int],
        found: list[tuple[_Labels, _Counted]],
    ) -> None:
        folded = fold(np.stack([counts for _, (counts, _) in found]), instrument.bounds_ms).tolist()
        bounds = bounds_field(instrument.bounds)
        for (labels, (_, total_ms)), inside in zip(found, folded, strict=True):
            total = total_ms / instrument.in_ms
            point = histogram_point(self._label_bytes(9, labels), times, total, inside, bounds)
            metrics.histogram(instrument.name, instrument.unit, kind, point)

    def _exponential(
        self,
        metrics: Metrics,
        instrument: Instrument,
        kind: int,
        times: tuple[int, int],
        found: list[tuple[_Labels, _Counted]],
    ) -> None:
        for labels, (counts, total_ms) in found:
            scale, offset, inside = buckets(counts, instrument.in_ms)
            total = total_ms / instrument.in_ms
            point = exponential_point(self._label_bytes(1, labels), times, total, scale, offset, inside)
            metrics.exponential(instrument.name, instrument.unit, kind, point)

    def _counted(self, row: int) -> dict[_Place, _Counted]:
        """All calls of a process since it began, by instrument and labels."""
        found: dict[_Place, _Counted] = {}
        delta = self._options.temporality == "delta"
        tally = self._assignment.tally
        for served, histograms in ((True, tally.served), (False, tally.sent)):
            for each, place in self._rows(served, histograms, row):
                counts, total = histograms.counts[each], float(histograms.sums_ms[each])
                held = found.get(place)
                found[place] = (
                    (counts.copy() if delta else counts, total) if held is None else (held[0] + counts, held[1] + total)
                )
        return found

    def _since(self, row: int, now: dict[_Place, _Counted], start: int, at: int) -> tuple[dict[_Place, _Counted], int]:
        """What is new since the last export of this life, and when that was."""
        life = int(self._assignment.tally.lives.number[row])
        told, last, before = self._before.get(row, (life, start, {}))
        if told != life:
            last, before = start, {}
        self._before[row] = life, at, now
        grown = {}
        for place, (counts, total) in now.items():
            old_counts, old_total = before.get(place, (0, 0.0))
            fresh = counts - old_counts
            if fresh.any():
                grown[place] = fresh, total - old_total
        return grown, last

    def _rows(self, served: bool, histograms: Histograms, owner: int) -> Iterator[tuple[int, _Place]]:
        for row in histograms.of(owner):
            key = (served, row)
            if key not in self._places:
                self._places[key] = self._place(served, int(histograms.groups[row]), Answer(histograms.answers[row]))
            place = self._places[key]
            if place is not None:
                yield row, place

    def _place(self, served: bool, group: int, answer: Answer) -> _Place | None:
        tally = self._assignment.tally
        census = tally.census
        if served:
            endpoint = census.endpoints[group]
            service = census.services[census.instances[endpoint.instance].service]
            thrown = raised_by_callee(tally.latest, group, answer)
            found = server_metric(service, endpoint.operation, answer, thrown, old=self._old)
        else:
            site = census.sites[tally.sending.right[group]]
            ends = (census.services[site.caller], census.services[site.callee])
            thrown = raised_by_caller(tally.latest, int(tally.sending.first[group]), answer)
            found = client_metric(ends, site, answer, thrown, old=self._old)
        return None if found is None else (found[0], tuple(found[1].items()))

    def _levels(self, writer: Writer, row: int) -> None:
        tally = self._assignment.tally
        census, latest = tally.census, tally.latest
        service = census.services[census.instances[row].service]
        if service.protocol is CallProtocol.HTTP:
            method = ("http.method", "GET") if self._old else ("http.request.method", "GET")
            writer.updown("http.server.active_requests", "{request}", float(latest.instances.in_flight[row]), method)
        for pool in np.flatnonzero(census.pool_instance == row).tolist():
            callee = census.services[census.pool_service[pool]]
            if callee.protocol is CallProtocol.SQL:
                self._pool(writer, pool, pool_name(callee))

    def _pool(self, writer: Writer, pool: int, name: str) -> None:
        """https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools"""
        pools, plural = self._assignment.tally.latest.pools, "s" if self._old else ""
        stem = f"db.client.connection{plural}"
        label: tuple[str, Value] = ("pool.name" if self._old else "db.client.connection.pool.name", name)
        state = "state" if self._old else "db.client.connection.state"
        count = f"{stem}.usage" if self._old else f"{stem}.count"
        writer.updown(count, "{connection}", float(pools.used[pool]), label, (state, "used"))
        writer.updown(count, "{connection}", float(pools.idle[pool]), label, (state, "idle"))
        writer.updown(f"{stem}.max", "{connection}", float(pools.size[pool]), label)
        writer.updown(f"{stem}.pending_requests", "{request}", float(pools.pending[pool]), label)
        writer.counter(f"{stem}.timeouts", "{timeout}", int(self._assignment.tally.pools.timeouts[pool]), label)

    def _label_bytes(self, number: int, labels: _Labels) -> bytes:
        found = self._encoded.get(labels)
        if found is None:
            found = self._encoded[labels] = attributes(number, labels)
        return found
