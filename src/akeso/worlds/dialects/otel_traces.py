"""OpenTelemetry traces: spans of SDKs, batched by the BatchSpanProcessor and, if so told, sampled by a collector.

Defaults (5 s, 512 spans): https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
Tail sampling (decision_wait 30 s):
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/tailsamplingprocessor
"""

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from akeso.domain.telemetry.batches import Times
from akeso.worlds.answers import HARMLESS
from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.collector import Export, Exporter, ExportOptions
from akeso.worlds.dialects.otel.resource import Resources
from akeso.worlds.dialects.otel.span_writer import Side, SpanWriter, chosen
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.otlp import scope, scoped
from akeso.worlds.estate.service import Runtime
from akeso.worlds.observation import Observation, RequestColumns

_SCOPES = {
    Runtime.PYTHON: ("opentelemetry.instrumentation.flask", "0.59b0"),
    Runtime.JAVA: ("io.opentelemetry.tomcat-10.0", "2.20.1-alpha"),
    Runtime.GO: ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.63.0"),
    Runtime.NODE: ("@opentelemetry/instrumentation-http", "0.207.0"),
    Runtime.DOTNET: ("Microsoft.AspNetCore", ""),
    Runtime.NATIVE: ("opentelemetry-cpp", "1.23.0"),
}


class TraceOptions(BaseModel):
    """share: of the requests that are kept; sampling: where that is decided. At the tail errors and what took longer
    than slow_ms are kept as well, and all comes decision_wait_s late. inside: frameworks add INTERNAL spans."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conventions: Literal["stable", "old"] = "stable"
    share: float = Field(default=0.2, gt=0, le=1)
    sampling: Literal["head", "tail"] = "head"
    slow_ms: float = Field(default=2_000.0, gt=0)
    decision_wait_s: float = Field(default=30.0, ge=0)
    most: int = Field(default=512, gt=0)
    inside: bool = True
    export: ExportOptions = ExportOptions()


class OtelTraces:
    """Client, producer, server, consumer and internal spans of one group of services."""

    name: ClassVar[str] = "otel_traces"
    Options: ClassVar[type[BaseModel]] = TraceOptions
    default_every_s: ClassVar[float] = 5.0

    def __init__(self, assignment: Assignment, options: TraceOptions) -> None:
        self.trace_share = 1.0 if options.sampling == "tail" else options.share
        self._assignment, self._options = assignment, options
        self._exporter = Exporter("traces", options.export)
        self._every = round((assignment.every_s or self.default_every_s) * SECOND)
        enriched = options.export.through == "collector"
        self._resources = Resources(assignment.tally, old=options.conventions == "old", enriched=enriched)
        self._waiting: dict[int, dict[tuple[int, int], list[bytes]]] = {}

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        requests = self._kept(observation.requests)
        if len(requests):
            for side in self._writers.sides(requests, observation):
                self._wait(side)
        self._flush(observation.end)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._exporter.due(now)

    @cached_property
    def _writers(self) -> SpanWriter:
        options = self._options
        return SpanWriter(self._assignment, old=options.conventions == "old", inside=options.inside)

    @cached_property
    def _phase(self) -> Times:
        count = len(self._assignment.tally.census.instances)
        phase: Times = self._assignment.start + self._assignment.random.integers(0, self._every, count)
        return phase

    def _kept(self, requests: RequestColumns) -> RequestColumns:
        keep = requests.sampling < self._options.share
        if self._options.sampling == "tail" and len(requests):
            worth = np.isin(requests.seen, list(HARMLESS), invert=True)
            worth |= requests.duration > self._options.slow_ms * 1e6
            keep |= np.isin(requests.trace, requests.trace[worth])
        return chosen(requests, keep)

    def _wait(self, side: Side) -> None:
        """Spans are queued where they end, and leave with the next batch."""
        phase = self._phase[side.owner]
        leave = phase - (phase - side.end) // self._every * self._every
        if self._options.sampling == "tail":
            leave += round(self._options.decision_wait_s * SECOND)
        for at, owner, body in zip(leave.tolist(), side.owner.tolist(), side.spans, strict=True):
            self._waiting.setdefault(at // SECOND, {}).setdefault((at, owner), []).append(body)

    def _flush(self, now: int) -> None:
        speaking = self._assignment.speaking()
        for second in sorted(second for second in self._waiting if second < now // SECOND):
            for (at, owner), spans in sorted(self._waiting.pop(second).items()):
                if speaking[owner]:
                    self._export(at, owner, spans)

    def _export(self, at: int, owner: int, spans: list[bytes]) -> None:
        census = self._assignment.tally.census
        runtime = census.services[census.instances[owner].service].runtime
        head = self._resources.of(owner)
        instrumented = scope(*_SCOPES[runtime])
        for first in range(0, len(spans), self._options.most):
            some = spans[first : first + self._options.most]
            body = head + scoped(instrumented, some)
            self._exporter.put(Export(at, census.instances[owner].name, runtime.value, body, len(some)))
