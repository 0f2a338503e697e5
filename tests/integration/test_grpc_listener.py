"""OTLP/gRPC and OTLP's HTTP port: the OpenTelemetry SDK, unchanged, against a running Akeso."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind as SdkSpanKind

from akeso.adapters.clocks.system import SystemClock
from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.composition.system import System
from akeso.config.access import AccessOptions
from akeso.domain.errors import AkesoError, InvalidSettings, Overloaded, Unavailable
from akeso.domain.estate.access import Caller, Role
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.fairness import Shares, Turns
from akeso.faces.grpc.server import OtlpServer
from akeso.plugins.discovery import build
from akeso.ports.source import Answer, Intake
from akeso.testing.requests.otlp import Metrics
from akeso.testing.servers.running import Akeso, eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
MIB = 2**20


class Listeners:
    """A running Akeso with its OTLP ports."""

    def __init__(self, folder: Path) -> None:
        self.grpc, self.http = free_port(), free_port()
        self.akeso = Akeso(folder, f"grpc_port={self.grpc}", f"otlp_http_port={self.http}")


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    listeners = Listeners(tmp_path_factory.mktemp("grpc"))
    with listeners.akeso.running():
        yield listeners


def exporting(channel: grpc.Channel | grpc.aio.Channel) -> Callable[..., Any]:
    """The metrics service's Export, bytes in and bytes out."""
    call: Callable[..., Any] = channel.unary_unary(METRICS)
    return call


def with_key(call: Callable[..., Any], key: str) -> Callable[..., Any]:
    """The same, with a key unless the caller brings metadata."""

    def export(body: bytes, **more: Any) -> Any:
        return call(body, **{"metadata": (("x-api-key", key),), **more})

    return export


@pytest.fixture
def export(listeners: Listeners) -> Iterator[Callable[..., Any]]:
    with grpc.insecure_channel(f"127.0.0.1:{listeners.grpc}") as channel:
        yield with_key(exporting(channel), listeners.akeso.sender_key)


def resource(service: str) -> Resource:
    return Resource.create({"service.name": service, "service.instance.id": f"{service}-1"})


def send_metrics(exporter: MetricExporter, service: str) -> MetricExportResult:
    """What the exporter says to a counter and a histogram."""
    results: list[MetricExportResult] = []
    plain = exporter.export

    def watched(*args: Any, **kwargs: Any) -> MetricExportResult:
        results.append(plain(*args, **kwargs))
        return results[-1]

    exporter.export = watched  # type: ignore[method-assign]
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=resource(service))
    provider.get_meter("test").create_counter("orders", "1").add(3, {"kind": "b2b"})
    provider.get_meter("test").create_histogram("http.server.request.duration", "s").record(0.3)
    provider.shutdown()
    (result,) = results
    return result


async def stored(listeners: Listeners) -> list[TelemetryBatch]:
    """Every batch in the telemetry store of the running Akeso."""
    table = SeriesTable()
    store = SqliteTelemetryStore(listeners.akeso.data / "telemetry.db", table)
    try:
        return [batch async for _, batch in store.replay(table)]
    finally:
        await store.close()


async def test_what_the_sdk_sends_over_grpc_is_stored(listeners: Listeners) -> None:
    place: dict[str, Any] = {
        "endpoint": f"http://127.0.0.1:{listeners.grpc}",
        "insecure": True,
        "headers": (("x-api-key", listeners.akeso.sender_key),),
    }
    assert send_metrics(OTLPMetricExporter(**place), "cart") is MetricExportResult.SUCCESS
    tracing = TracerProvider(resource=resource("cart"))
    tracing.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(**place, compression=grpc.Compression.Gzip)))
    with tracing.get_tracer("test").start_as_current_span("GET /x", kind=SdkSpanKind.SERVER):
        pass
    tracing.shutdown()
    logging = LoggerProvider(resource=resource("cart"))
    logging.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(**place)))
    logging.get_logger("test").emit(severity_number=SeverityNumber.ERROR, body="order 7 is lost")
    logging.shutdown()
    batches = await stored(listeners)
    assert sum(len(batch.metrics) for batch in batches) > 2
    assert [span.operations for batch in batches for span in batch.spans] == [("GET /x",)]
    assert [line for batch in batches for block in batch.logs for line in block.body] == ["order 7 is lost"]


def test_the_default_port_of_otlp_over_http_leads_to_the_same_place(listeners: Listeners) -> None:
    exporter = HttpMetricExporter(
        f"http://127.0.0.1:{listeners.http}/v1/metrics", headers={"x-api-key": listeners.akeso.sender_key}
    )
    assert send_metrics(exporter, "stock") is MetricExportResult.SUCCESS


def body() -> bytes:
    metrics = Metrics({"service.name": "cart"})
    metrics.gauge("x", 1.0)
    return bytes(metrics)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_messages_may_be_compressed(export: Callable[..., bytes], compression: grpc.Compression) -> None:
    assert export(body(), compression=compression) == b""


def test_a_wrong_key_is_refused_and_a_good_one_is_taken(listeners: Listeners, export: Callable[..., bytes]) -> None:
    key = listeners.akeso.new_key("otel", "ingest")
    assert export(body(), metadata=(("x-api-key", key),)) == b""
    assert export(body(), metadata=(("authorization", f"Bearer {key}"),)) == b""
    with pytest.raises(grpc.RpcError) as refused:
        export(body(), metadata=(("x-api-key", "ak_wrong"),))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def detail_of(refused: Any, kind: Any) -> Any:
    (packed,) = [item.value for item in refused.trailing_metadata() if item.key == "grpc-status-details-bin"]
    detail = kind()
    assert Status.FromString(packed).details[0].Unpack(detail)
    return detail


def test_noise_is_refused_with_the_field_that_is_wrong(export: Callable[..., bytes]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(b"\xff" * 20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert detail_of(refused.value, BadRequest).field_violations[0].field == "body"


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_giants_and_bombs_are_refused(listeners: Listeners, compression: grpc.Compression) -> None:
    options = (("grpc.max_send_message_length", -1),)
    with grpc.insecure_channel(f"127.0.0.1:{listeners.grpc}", options=options) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            exporting(channel)(b"\0" * (21 * MIB), compression=compression)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        # Without a RetryInfo: what is too large today is too large tomorrow.
        assert "grpc-status-details-bin" not in {item.key for item in refused.value.trailing_metadata()}
    assert listeners.akeso.ready()


def test_a_port_that_was_asked_for_and_is_taken_stops_the_start(tmp_path: Path) -> None:
    for setting in ("grpc_port", "otlp_http_port"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            akeso = Akeso(tmp_path / setting, f"{setting}={taken.getsockname()[1]}")
            akeso.start(wait=False)
            try:
                eventually(akeso.ended, "Akeso has given up")
            finally:
                akeso.kill()
            assert f"{setting}: cannot listen on" in akeso.log()


class Ingestion:
    """Raises what it is told, else takes what comes."""

    def __init__(self) -> None:
        self.refusals: list[AkesoError] = []
        self.times: list[float] = []
        self.bodies, self.turns = Shares(2**30, timedelta(seconds=1), "are being received"), Turns()

    async def accept(self, intake: Intake, author: str) -> Answer:
        assert author == SENDER.name
        self.times.append(time.monotonic())
        if self.refusals:
            raise self.refusals.pop(0)
        return intake.answer


SENDER = Caller("sender", Role.INGEST, "default")


class SmallSystem:
    """What the gRPC listener needs of a system; every key is the sender's."""

    class settings:  # noqa: N801 - an attribute of a system
        access = AccessOptions()

    class keys:  # noqa: N801 - an attribute of a system
        @staticmethod
        def caller(key: str) -> Caller:
            del key
            return SENDER

    def __init__(self) -> None:
        self.sources, self.ingest_table = build("sources"), SeriesTable()
        self.clock, self.ingestion, self.started = SystemClock(), Ingestion(), True


@asynccontextmanager
async def serving(system: SmallSystem) -> AsyncIterator[int]:
    server = OtlpServer(cast("System", system))
    port = await server.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Overloaded("full", timedelta(seconds=0.5)), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Unavailable("the disk refuses"), grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_a_full_akeso_answers_with_the_time_to_come_back(refusal: AkesoError, code: grpc.StatusCode) -> None:
    system = SmallSystem()
    system.ingestion.refusals.append(refusal)
    async with serving(system) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await exporting(channel)(body())
        assert refused.value.code() is code
        packed = dict(refused.value.trailing_metadata() or ())["grpc-status-details-bin"]
        info = RetryInfo()
        assert Status.FromString(packed).details[0].Unpack(info)
        assert info.retry_delay.ToTimedelta() > timedelta(0)


async def test_an_akeso_that_is_starting_is_unavailable() -> None:
    system = SmallSystem()
    system.started = False
    async with serving(system) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await exporting(channel)(body())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert system.ingestion.times == []


async def test_the_sdk_comes_back_after_the_time_it_was_told() -> None:
    system = SmallSystem()
    system.ingestion.refusals.append(Overloaded("full", timedelta(seconds=0.4)))
    async with serving(system) as port:
        exporter = OTLPMetricExporter(endpoint=f"http://127.0.0.1:{port}", insecure=True)
        assert await asyncio.to_thread(send_metrics, exporter, "cart") is MetricExportResult.SUCCESS
    first, second = system.ingestion.times
    assert second - first >= 0.3


async def test_two_servers_do_not_share_a_port() -> None:
    async with serving(SmallSystem()) as port:
        with pytest.raises(InvalidSettings):
            await OtlpServer(cast("System", SmallSystem())).start("127.0.0.1", port)
