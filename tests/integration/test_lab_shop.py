"""One shop, opened once with a receiver of OTLP/HTTP that keeps what it gets in memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
import pytest
import pytest_asyncio
from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from akeso.lab.check import prove_one
from akeso.lab.errors import ShopError
from akeso.lab.faults.fault import Site
from akeso.lab.faults.register import FAULTS
from akeso.lab.scoring.calm import benign_deploy
from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.opening import Plan, close, is_open, prepare, start
from akeso.lab.shop.running import Shop, eventually

pytestmark = [pytest.mark.xdist_group("shop"), pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]


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


@dataclass(frozen=True)
class Opened:
    """The open shop and the sink."""

    site: Site
    sink: Sink


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened() -> AsyncIterator[Opened]:
    with TemporaryDirectory(prefix="akeso-lab-") as path:
        async with served_sink() as (sink, url):
            shop = await prepare(Plan(RunFolder(Path(path)), url, seed=1))
            try:
                await start(shop)
                site = Site(shop)
                await site.visitors.begin_learning(8.0)
                view = await site.visitors.wait_learnt(15.0)
                assert view.learnt
                yield Opened(site, sink)
            finally:
                await close(shop)


def names(service: Sink, name: str) -> set[str]:
    return set(service.metrics.get(name, {}))


@pytest.mark.asyncio(loop_scope="module")
async def test_the_shop_starts_and_its_visitors_are_content(opened: Opened) -> None:
    view = await opened.site.visitors.wait_healthy(2.0, 20.0)
    assert view.healthy_for() >= 2.0
    assert set(view.raw["journeys"]) == {"browse", "suggest", "cart", "checkout"}


@pytest.mark.asyncio(loop_scope="module")
async def test_every_service_sends_standard_metrics(opened: Opened) -> None:
    sink = opened.sink
    for blueprint in SHOP.services:
        if blueprint.external:
            assert blueprint.name not in sink.metrics
        elif not blueprint.exporter and blueprint.name != "fulfilment":
            wanted = {"http.server.request.duration", "process.cpu.utilization", "process.memory.usage"}
            assert wanted <= names(sink, blueprint.name), blueprint.name
    assert {"db.client.connection.count", "db.client.operation.duration"} <= names(sink, "inventory")
    assert {"postgresql.backends", "postgresql.sessions.blocked"} <= names(sink, "shop-db")
    assert {"messaging.queue.depth", "messaging.queue.oldest_message_age"} <= names(sink, "order-queue")


@pytest.mark.asyncio(loop_scope="module")
async def test_one_trace_leads_from_the_frontend_through_the_queue_to_fulfilment(opened: Opened) -> None:
    async def followed() -> bool:
        ends = {span.trace_id for span in opened.sink.spans.get("fulfilment", ())}
        starts = {span.trace_id for span in opened.sink.spans.get("frontend", ())}
        middle = {span.trace_id for span in opened.sink.spans.get("payment", ())}
        return bool(starts & middle & ends)

    await eventually(followed, "a whole trace", 10.0)
    calls = [span for span in opened.sink.spans["payment"] if span.kind == Span.SPAN_KIND_CLIENT]
    assert {attributes(list(span.attributes))["peer.service"] for span in calls} == {"bank"}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_benign_deploy_hurts_nobody_and_is_announced(opened: Opened) -> None:
    await opened.site.visitors.wait_healthy(2.0, 20.0)
    began = time.time()
    service = await benign_deploy(opened.site, Random(4))
    rows = [row for row in await _seconds(opened.site) if row["second"] >= began]
    assert sum(row["requests"] for row in rows) > 20
    assert sum(row["errors"] for row in rows) == 0
    assert opened.sink.changes[-1]["service"] == service
    assert opened.site.shop.releases(service).current() == "1.4.1"


@pytest.mark.parametrize("name", ["crash", "pool_exhaustion", "db_lock", "error_burst_after_deploy"])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_fault_hurts_and_its_remedy_ends_it(opened: Opened, name: str) -> None:
    fault = FAULTS[name]
    proof = await prove_one(opened.site, fault, fault.drawn(1, 0))
    assert proof.holds(fault.hurts_within_s + 4.0), proof


@pytest.mark.asyncio(loop_scope="module")
async def test_failures_are_told_in_spans_and_logs(opened: Opened) -> None:
    fault = FAULTS["crash"]
    await prove_one(opened.site, fault, fault.drawn(1, 0, "pricing"))
    failed = [span for span in opened.sink.spans["checkout"] if span.status.code == 2]
    assert any(event.name == "exception" for span in failed for event in span.events)
    assert any("pricing" in record.body.string_value for record in opened.sink.logs["checkout"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_second_shop_in_the_same_folder_is_refused(opened: Opened) -> None:
    with pytest.raises(ShopError, match="runs in"):
        await prepare(Plan(opened.site.shop.folder))


async def test_a_shop_needs_no_receiver_and_leaves_no_process_behind(tmp_path: Path) -> None:
    shop = await prepare(Plan(RunFolder(tmp_path / "shop"), "http://127.0.0.1:1"))
    try:
        await start(shop)
        view = await Site(shop).visitors.wait_healthy(3.0, 60.0)
        assert view.healthy_for() >= 3.0
        assert _processes(shop)
    finally:
        await close(shop)
    assert not await is_open(shop)
    assert _processes(shop) == []


async def _seconds(site: Site) -> list[dict[str, int]]:
    await asyncio.sleep(1.0)  # the second that is running is not told
    return await site.visitors.seconds(30)


def _processes(shop: Shop) -> list[int]:
    folder = str(shop.folder.path)
    return [p.pid for p in psutil.process_iter(["cmdline"]) if any(folder in part for part in p.info["cmdline"] or ())]
