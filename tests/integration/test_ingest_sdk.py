"""What the OpenTelemetry SDK sends over HTTP arrives as telemetry, and its exporters are content with the answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind as SdkSpanKind
from opentelemetry.trace import Status, StatusCode

from akeso.domain.telemetry.batches import SpanKind, TelemetryBatch, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.ports.source import IngestRequest, Source

pytestmark = pytest.mark.integration

RESOURCE = Resource.create({"service.name": "cart", "service.instance.id": "cart-1"})


class Receiver:
    """An HTTP server on a free port that decodes with the sources."""

    def __init__(self) -> None:
        self.table = SeriesTable()
        self.batches: list[TelemetryBatch] = []
        self.statuses: list[int] = []
        self._sources: dict[str, Source] = {path: s for s in build("sources").values() for path in s.paths}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        intake = self._sources[handler.path].decode(IngestRequest(handler.path, headers, body, "t", 1), self.table)
        self.batches.append(intake.batch)
        handler.send_response(intake.answer.status)
        handler.send_header("content-type", intake.answer.content_type)
        handler.send_header("content-length", str(len(intake.answer.body)))
        handler.end_headers()
        handler.wfile.write(intake.answer.body)


@contextmanager
def serving(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_metrics_of_the_sdk_arrive(receiver: Receiver) -> None:
    results = []

    class Watched(OTLPMetricExporter):
        def export(self, metrics_data: MetricsData, *args: Any, **kwargs: Any) -> MetricExportResult:
            results.append(super().export(metrics_data, *args, **kwargs))
            return results[-1]

    with serving(receiver) as url:
        reader = PeriodicExportingMetricReader(Watched(f"{url}/v1/metrics"), export_interval_millis=60_000)
        provider = MeterProvider([reader], resource=RESOURCE)
        meter = provider.get_meter("test")
        meter.create_counter("orders", "1").add(3, {"kind": "b2b"})
        meter.create_up_down_counter("connections").add(-2)
        duration = meter.create_histogram("http.server.request.duration", "s")
        for seconds in (0.02, 0.3):
            duration.record(seconds, {"http.route": "/x"})
        provider.shutdown()
    assert results == [MetricExportResult.SUCCESS]
    block = receiver.batches[0].metrics
    points = {receiver.table[i]: v for i, v in zip(block.series.tolist(), block.value.tolist(), strict=True)}
    found = {(key.metric, key.stat, key.temporality): value for key, value in points.items() if key.stat != "bucket"}
    bounds = {dict(key.attributes)["le"]: value for key, value in points.items() if key.stat == "bucket"}
    assert {key.service for key in points} == {"cart"}
    assert {dict(key.attributes)["service.instance.id"] for key in points} == {"cart-1"}
    assert found["orders", "", Temporality.CUMULATIVE] == 3
    assert found["connections", "", Temporality.GAUGE] == -2
    assert found["http.server.request.duration", "count", Temporality.CUMULATIVE] == 2
    assert (bounds["0.0"], bounds["5.0"], bounds["+Inf"]) == (0, 2, 2)
    assert found["http.server.request.duration", "sum", Temporality.CUMULATIVE] == pytest.approx(0.32)


def test_spans_of_the_sdk_arrive(receiver: Receiver) -> None:
    with serving(receiver) as url:
        provider = TracerProvider(resource=RESOURCE)
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("GET /x", kind=SdkSpanKind.SERVER):
            names = {"peer.service": "payment"}
            with tracer.start_as_current_span("POST", kind=SdkSpanKind.CLIENT, attributes=names) as span:
                span.set_status(Status(StatusCode.ERROR, "no"))
        provider.shutdown()
    client, server = (batch.spans[0] for batch in receiver.batches)
    assert (client.operations, client.peers, client.kind.tolist()) == (("POST",), ("payment",), [SpanKind.CLIENT])
    assert (client.error.tolist(), server.error.tolist()) == ([True], [False])
    assert client.parent.tolist() == server.span.tolist()
    assert client.trace.tolist() == server.trace.tolist()
    assert 0 < client.duration[0] <= server.duration[0]


def test_logs_of_the_sdk_arrive(receiver: Receiver) -> None:
    with serving(receiver) as url:
        provider = LoggerProvider(resource=RESOURCE)
        provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
        logger = provider.get_logger("test")
        logger.emit(severity_number=SeverityNumber.ERROR, body="order 7 is lost")
        provider.shutdown()
    (block,) = receiver.batches[0].logs
    assert (block.service, block.body, block.severity.tolist()) == ("cart", ("order 7 is lost",), [17])
