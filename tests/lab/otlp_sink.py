"""A receiver of OTLP/HTTP that keeps what it gets in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def attributes(pairs: "list[KeyValue]") -> dict[str, str]:
    """String and number attributes as strings."""
    return {pair.key: pair.value.string_value or str(pair.value.int_value) for pair in pairs}


@dataclass
class Sink:
    """What arrived, by service."""

    metrics: dict[str, dict[str, Metric]] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    logs: dict[str, list[LogRecord]] = field(default_factory=dict)
    changes: list[dict[str, object]] = field(default_factory=list)
    bytes_received: int = 0

    def application(self) -> web.Application:
        """The three OTLP paths, and change events."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/v1/metrics", self._metrics),
                web.post("/v1/traces", self._traces),
                web.post("/v1/logs", self._logs),
                web.post("/api/v1/changes", self._changes),
            ]
        )
        return app

    async def _metrics(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            held = self.metrics.setdefault(attributes(list(resource.resource.attributes))["service.name"], {})
            held.update({metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics})
        return _accepted()

    async def _traces(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            held = self.spans.setdefault(attributes(list(resource.resource.attributes))["service.name"], [])
            held.extend(span for scope in resource.scope_spans for span in scope.spans)
        return _accepted()

    async def _logs(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            held = self.logs.setdefault(attributes(list(resource.resource.attributes))["service.name"], [])
            held.extend(record for scope in resource.scope_logs for record in scope.log_records)
        return _accepted()

    async def _changes(self, request: web.Request) -> web.Response:
        self.changes.append(await request.json())
        return web.json_response({}, status=202)

    async def _body(self, request: web.Request) -> bytes:
        body = await request.read()
        self.bytes_received += len(body)
        return body


def _accepted() -> web.Response:
    return web.Response(body=b"", content_type="application/x-protobuf")


@asynccontextmanager
async def served_sink() -> AsyncIterator[tuple[Sink, str]]:
    """A sink that serves on a free port, with its URL."""
    sink = Sink()
    runner = web.AppRunner(sink.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield sink, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
