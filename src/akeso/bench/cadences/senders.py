"""The shop's numbers on the wire: OTLP metrics, remote write, spans in batches, and what a Prometheus answers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from akeso.bench.cadences.shop import BOUNDS_S, SERVICES, Shop, Told
from akeso.domain.telemetry.batches import NANOSECONDS, MetricBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.puller import PullRequest, PullResult
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.prometheus.exposition import prometheus_key, shape_named
from akeso.worlds.delivery import Delivery
from akeso.worlds.scenarios import remote_write

_JSON = {"content-type": "application/json"}
_CUMULATIVE = 2
_SERVER, _CLIENT = 2, 3
_BATCH_S = 5  # of spans, and of samples that wait for a remote write: the defaults of SDK and Prometheus
_TRACES_A_SECOND = 2
Labels = Mapping[str, str]


def phases(every: int, random: np.random.Generator) -> Mapping[str, int]:
    """When in an interval each service is told, ns."""
    return {name: int(random.integers(every)) for name in SERVICES}


def moments(since: int, until: int, every: int, phase: int) -> Iterator[int]:
    """Instants in (since, until] at `phase` of an interval of `every`, ns."""
    first = (since - phase) // every + 1
    return (turn * every + phase for turn in range(first, (until - phase) // every + 1))


@dataclass(slots=True)
class OtlpMetrics:
    """Each service exports its own metrics every so often."""

    shop: Shop
    every: int
    phase: Mapping[str, int]

    def between(self, since: int, until: int) -> Iterator[Delivery]:
        for name in SERVICES:
            for at in moments(since, until, self.every, self.phase[name]):
                body = json.dumps(_otlp_metrics(name, self.shop.at(name, at), self.shop.start, at))
                yield Delivery(at, name, "/v1/metrics", _JSON, body.encode())


@dataclass(slots=True)
class RemoteWrite:
    """Prometheus scrapes each service every so often and sends what waits every five seconds."""

    shop: Shop
    every: int
    phase: Mapping[str, int]
    _waiting: list[tuple[int, str, list[tuple[Labels, float]]]] = field(default_factory=list)

    def between(self, since: int, until: int) -> Iterator[Delivery]:
        for name in SERVICES:
            for at in moments(since, until, self.every, self.phase[name]):
                self._waiting.append((at, name, list(scraped(name, self.shop.at(name, at)))))
        for at in moments(since, until, _BATCH_S * NANOSECONDS, 0):
            ready = [each for each in self._waiting if each[0] <= at]
            self._waiting = [each for each in self._waiting if each[0] > at]
            for scraped_at, _, series in sorted(ready, key=lambda each: each[0]):
                body = remote_write.write_request(series, scraped_at // 10**6)
                yield Delivery(at, "prometheus", "/api/v1/write", remote_write.HEADERS, body)


@dataclass(slots=True)
class Spans:
    """Traces through all three services, each service's spans in batches of five seconds."""

    shop: Shop
    random: np.random.Generator

    def between(self, since: int, until: int) -> Iterator[Delivery]:
        for at in moments(since, until, _BATCH_S * NANOSECONDS, NANOSECONDS // 2):
            begun = at - _BATCH_S * NANOSECONDS
            spans: dict[str, list[Any]] = {name: [] for name in SERVICES}
            for _ in range(_BATCH_S * _TRACES_A_SECOND):
                self._trace(begun + int(self.random.integers(at - begun)), spans)
            for name in SERVICES:
                yield Delivery(at, name, "/v1/traces", _JSON, json.dumps(_otlp_spans(name, spans[name])).encode())

    def _trace(self, end: int, spans: dict[str, list[Any]]) -> None:
        trace, parent = f"{self.random.integers(2**62):032x}", ""
        fault = self.shop.fault
        ill = np.array([fault is not None and fault.began <= end < fault.ended])
        own = [float(self.shop.own_s(name, ill)[0]) for name in SERVICES]
        for place, name in enumerate(SERVICES):
            start, child = end - round(sum(own[place:]) * NANOSECONDS), end - round(sum(own[place + 1 :]) * NANOSECONDS)
            server = self._span(trace, parent, _SERVER, (start, end), {"http.request.method": "GET"})
            spans[name].append(server)
            if place + 1 < len(SERVICES):
                called = {"server.address": SERVICES[place + 1]}
                spans[name].append(self._span(trace, server["spanId"], _CLIENT, (child, end), called))
                parent = spans[name][-1]["spanId"]

    def _span(self, trace: str, parent: str, kind: int, times: tuple[int, int], attributes: Labels) -> dict[str, Any]:
        return {
            "traceId": trace,
            "spanId": f"{self.random.integers(1, 2**62):016x}",
            "parentSpanId": parent,
            "name": "GET /",
            "kind": kind,
            "startTimeUnixNano": str(times[0]),
            "endTimeUnixNano": str(times[1]),
            "attributes": _attributes(attributes),
            "status": {},
        }


@dataclass(slots=True)
class Scraped:
    """Implements akeso.ports.puller.Puller: a Prometheus that scrapes every so often and is asked for the samples of
    selectors, as they were scraped."""

    shop: Shop
    every: int
    phase: Mapping[str, int]
    name: str = "prometheus"

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        return self.answer(request, table)

    def answer(self, request: PullRequest, table: SeriesTable) -> PullResult:
        """All samples in (since, until]."""
        series, times, values = list[int](), list[int](), list[float]()
        for name in SERVICES:
            for at in moments(request.since, request.until, self.every, self.phase[name]):
                for labels, value in scraped(name, self.shop.at(name, at)):
                    given = {label: text for label, text in labels.items() if label != "__name__"}
                    metric = labels["__name__"]
                    key = prometheus_key(request.tenant, metric, given, shape_named(metric, has_parts=True), _SERVICES)
                    series.append(table.intern(key))
                    times.append(at)
                    values.append(value)
        block = MetricBlock(np.array(series, np.int32), np.array(times, np.int64), np.array(values, np.float64))
        return PullResult(TelemetryBatch(request.tenant, request.until, metrics=block), request.until)

    def accepted(self, pulled: PullResult) -> None:
        """Nothing is remembered."""

    async def close(self) -> None:
        """There is nothing to let go of."""


_SERVICES = tuple(SERVICE_LABELS)


def scraped(service: str, told: Told) -> Iterator[tuple[Labels, float]]:
    """What a Prometheus client exposes, with the labels of the scrape."""
    target = {"job": service, "instance": f"{service}:8000"}
    name = "http_request_duration_seconds"
    yield {"__name__": f"{name}_count", **target}, float(told.count)
    yield {"__name__": f"{name}_sum", **target}, told.sum_s
    for bound, count in zip((*BOUNDS_S, "+Inf"), told.buckets.cumsum().tolist(), strict=True):
        yield {"__name__": f"{name}_bucket", "le": str(bound), **target}, float(count)
    yield {"__name__": "process_cpu_seconds_total", **target}, told.cpu_s
    yield {"__name__": "process_resident_memory_bytes", **target}, told.memory
    yield {"__name__": "up", **target}, 1.0


def _otlp_metrics(service: str, told: Told, start: int, at: int) -> Any:
    stamps = {"startTimeUnixNano": str(start), "timeUnixNano": str(at)}
    distribution = {
        **stamps,
        "count": str(told.count),
        "sum": told.sum_s,
        "bucketCounts": [str(count) for count in told.buckets.tolist()],
        "explicitBounds": list(BOUNDS_S),
        "attributes": _attributes({"http.request.method": "GET"}),
    }
    metrics = [
        {
            "name": "http.server.request.duration",
            "unit": "s",
            "histogram": {"aggregationTemporality": _CUMULATIVE, "dataPoints": [distribution]},
        },
        {"name": "process.cpu.utilization", "unit": "1", "gauge": {"dataPoints": [{**stamps, "asDouble": told.cpu}]}},
        {
            "name": "process.memory.usage",
            "unit": "By",
            "sum": {
                "aggregationTemporality": _CUMULATIVE,
                "isMonotonic": False,
                "dataPoints": [{**stamps, "asDouble": told.memory}],
            },
        },
    ]
    return {"resourceMetrics": [{"resource": _resource(service), "scopeMetrics": [{"metrics": metrics}]}]}


def _otlp_spans(service: str, spans: list[Any]) -> Any:
    return {"resourceSpans": [{"resource": _resource(service), "scopeSpans": [{"spans": spans}]}]}


def _resource(service: str) -> Any:
    return {"attributes": _attributes({"service.name": service, "service.instance.id": f"{service}-1"})}


def _attributes(named: Labels) -> list[Any]:
    return [{"key": name, "value": {"stringValue": text}} for name, text in named.items()]
