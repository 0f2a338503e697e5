"""Debian's Prometheus, unchanged, writes what it scrapes to a running Akeso, and its alerts arrive by way of Debian's
Alertmanager."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.domain.telemetry.batches import NANOSECONDS, SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.pullers.prometheus import Prometheus
from akeso.ports.puller import Address, PullRequest
from akeso.testing.recorded.stored import stored_points
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import AT_MS, SECOND, SecondRequest, first_request, first_series, snapped
from akeso.testing.servers.running import Akeso, eventually, free_port
from akeso.testing.servers.watchers import exporting, is_ready, metrics_of, program

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.integration, pytest.mark.timeout(90)]

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{exporter}"], labels: {{service: cart}}}}]
remote_write:
  - url: {akeso}/api/v1/write
    send_native_histograms: true
    authorization: {{credentials: {key}}}
    metadata_config: {{send_interval: 1s}}
    queue_config: {{batch_send_deadline: 300ms}}
"""
RULES = """
groups:
  - name: shop
    rules:
      - {alert: CartQueue, expr: cart_queue_length > 100, labels: {severity: critical}, annotations: {summary: long}}
"""
ALERTING = """
route: {{receiver: akeso, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: akeso
    webhook_configs:
      - url: {akeso}/api/v1/alerts/alertmanager
        http_config: {{authorization: {{credentials: {key}}}}}
"""
COUNTER, GAUGE, HISTOGRAM = 0, 1, 4


class Exporter:
    """Ten requests a second since it began, each of 3 ms; a queue as long as the test says; a metric that goes away.

    In the protobuf form of the exposition, because only that has native histograms.
    """

    content_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

    def __init__(self) -> None:
        self.queue, self.began, self.passing = 1.0, time.monotonic(), True

    def __call__(self) -> bytes:
        served = int(10 * (time.monotonic() - self.began)) + 1
        families = [
            family("cart_requests_total", COUNTER, wire.text(3, wire.double(1, served))),
            family("cart_queue_length", GAUGE, wire.text(2, wire.double(1, self.queue))),
            family("cart_pool_count", GAUGE, wire.text(2, wire.double(1, 5.0))),
            family("cart_seconds", HISTOGRAM, wire.text(7, histogram(served, 0.003))),
        ]
        if self.passing:
            families.append(family("cart_passing", GAUGE, wire.text(2, wire.double(1, 1.0))))
        return b"".join(wire.varint(len(each)) + each for each in families)


def family(name: str, kind: int, metric: bytes) -> bytes:
    return wire.text(1, name) + wire.text(2, "helps") + wire.number(3, kind) + wire.text(4, metric)


def histogram(observations: int, value: float) -> bytes:
    """All observations in one bucket of schema 0: 2 ** -8 is the first bound above 3 ms."""
    span = wire.number(1, wire.zigzag(-8)) + wire.number(2, 1)
    zero = wire.double(6, 1e-9)
    many = wire.varint(13 << 3) + wire.varint(wire.zigzag(observations))
    return wire.number(1, observations) + wire.double(2, observations * value) + zero + wire.text(12, span) + many


class Shop:
    """An Akeso, and the watchers that send to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.exporter, self.akeso = folder, Exporter(), Akeso(folder / "akeso")
        self.prometheus, self.alertmanager = free_port(), free_port()

    @contextmanager
    def open(self) -> Iterator["Shop"]:
        with ExitStack() as stack:
            stack.enter_context(self.akeso.running())
            self._write(stack.enter_context(exporting(self.exporter, Exporter.content_type)))
            stack.enter_context(self._alertmanager())
            stack.enter_context(self._prometheus())
            eventually(lambda: is_ready(self.prometheus) and is_ready(self.alertmanager), "the watchers are ready")
            yield self

    def _alertmanager(self) -> Any:
        listen = f"--web.listen-address=127.0.0.1:{self.alertmanager}"
        files = f"--config.file={self.folder}/alerting.yml", f"--storage.path={self.folder}/alerts"
        return program(self.folder, "prometheus-alertmanager", *files, listen, "--cluster.listen-address=")

    def _prometheus(self) -> Any:
        listen = f"--web.listen-address=127.0.0.1:{self.prometheus}"
        files = f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb"
        # What it could not write, because Akeso is gone, it does not wait for when it ends.
        more = "--enable-feature=native-histograms", "--storage.remote.flush-deadline=100ms"
        return program(self.folder, "prometheus", *files, listen, *more)

    def _write(self, exporter: int) -> None:
        told = {"folder": self.folder, "alertmanager": self.alertmanager, "exporter": exporter}
        told |= {"akeso": self.akeso.url, "key": self.akeso.new_key("watchers", "ingest")}
        (self.folder / "prometheus.yml").write_text(CONFIG.format(**told))
        (self.folder / "alerting.yml").write_text(ALERTING.format(**told))
        (self.folder / "rules.yml").write_text(RULES)

    def sent(self, what: str) -> float:
        """What Prometheus says of its sending."""
        name = f"prometheus_remote_storage_{what}_total"
        return sum(value for key, value in metrics_of(self.prometheus).items() if key.partition("{")[0] == name)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("shop")).open() as shop:
        yield shop


def named(found: Mapping[SeriesKey, list[tuple[int, float]]], metric: str, stat: str = "") -> list[SeriesKey]:
    return [key for key in found if (key.metric, key.stat) == (metric, stat)]


def test_an_alert_is_an_incident_until_it_is_over(shop: Shop) -> None:
    with shop.akeso.client() as viewer:

        def alerts() -> list[Any]:
            incidents = viewer.get("/api/v1/incidents").json()["incidents"]
            return [alert for each in incidents if each["service"] == "cart" for alert in each["alerts"]]

        shop.exporter.queue = 500.0
        (alert,) = eventually(alerts, "an incident of the cart")
        assert (alert["source"], alert["title"], alert["status"]) == ("alertmanager", "long", "firing")
        shop.exporter.queue = 1.0
        eventually(lambda: alerts()[0]["status"] == "resolved", "the alert is over")


@pytest.mark.parametrize("version", [1, 2])
def test_the_endpoint_takes_both_versions_and_refuses_as_the_specification_says(shop: Shop, version: int) -> None:
    labels, samples = {"__name__": "by_hand", "service": "cart"}, [(AT_MS, 1.0)]
    good = first_request(first_series(labels, samples)) if version == 1 else bytes(SecondRequest().add(labels, samples))
    kind = "application/x-protobuf" if version == 1 else SECOND
    headers = {
        "Content-Type": kind,
        "Content-Encoding": "snappy",
        "X-API-Key": shop.akeso.new_key(f"v{version}", "ingest"),
    }

    def sent(body: bytes, **others: str) -> httpx.Response:
        told = headers | {name.replace("_", "-"): value for name, value in others.items()}
        return httpx.post(f"{shop.akeso.url}/api/v1/write", content=body, headers=told, trust_env=False, verify=False)

    taken = sent(snapped(good))
    assert (taken.status_code, taken.content) == (204, b"")
    assert taken.headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"
    assert sent(good).status_code == 400
    assert sent(snapped(good + b"\xff")).status_code == 400
    assert sent(wire.varint(2**31) + b"x").status_code == 413
    assert sent(snapped(good), Content_Encoding="gzip").status_code == 415
    assert sent(snapped(good), Content_Encoding="zstd").status_code == 415
    assert sent(snapped(good), Content_Type="text/plain").status_code == 415
    assert sent(snapped(good), X_API_Key="ak_wrong").status_code == 401


def test_what_is_scraped_is_stored(shop: Shop) -> None:
    eventually(lambda: shop.sent("samples") > 60 and shop.sent("histograms") > 5, "samples and histograms are sent")
    shop.exporter.passing = False
    sent = shop.sent("samples")
    eventually(lambda: shop.sent("samples") > sent + 40, "a stale marker is sent")
    for what in ("samples", "histograms", "metadata"):
        assert shop.sent(f"{what}_failed") == shop.sent(f"{what}_dropped") == 0
    assert shop.sent("metadata") > 0
    shop.akeso.kill()
    found = asyncio.run(stored_points(shop.akeso.data))
    (counter,), (queue,) = named(found, "cart_requests_total"), named(found, "cart_queue_length")
    assert (counter.service, counter.temporality) == ("cart", Temporality.CUMULATIVE)
    assert dict(counter.attributes)["job"] == "shop"
    stamps, values = zip(*sorted(found[counter]), strict=True)
    grown, passed = values[-1] - values[0], (stamps[-1] - stamps[0]) / NANOSECONDS
    assert len(stamps) >= 5
    assert grown / passed == pytest.approx(10, rel=0.35)
    assert {1.0, 500.0} >= {value for _, value in found[queue]} >= {1.0}
    # Prometheus tells that it is a level, whatever its name says.
    assert Temporality.GAUGE in {key.temporality for key in named(found, "cart_pool_count")}
    (count,), (total,) = named(found, "cart_seconds", "count"), named(found, "cart_seconds", "sum")
    (inside,) = named(found, "cart_seconds", "range")
    assert count.unit == "s"
    assert dict(inside.attributes)["le"] == str(2.0**-8)
    assert [value for _, value in found[count]] == [value for _, value in found[inside]]
    assert found[total][-1][1] == pytest.approx(found[count][-1][1] * 0.003)
    (passing,) = named(found, "cart_passing")
    assert {value for _, value in found[passing]} == {1.0}
    assert max(at for at, _ in found[passing]) < max(stamps)


def test_native_histograms_that_are_pulled_are_those_that_were_written(shop: Shop) -> None:
    def written() -> dict[SeriesKey, set[tuple[int, float]]]:
        found = asyncio.run(stored_points(shop.akeso.data))
        return {key: set(found[key]) for key in found if (key.metric, key.stat) in parts}

    parts = {("cart_seconds", stat) for stat in ("count", "sum", "range")}
    sent = eventually(lambda: len(found := written()) == len(parts) and found, "a histogram is written")
    oldest = min(at for points in sent.values() for at, _ in points)
    pulled = asyncio.run(pull(shop, "cart_seconds", oldest - 1, time.time_ns()))
    assert pulled.keys() == sent.keys()
    assert all(pulled[key] >= points for key, points in sent.items())


async def pull(shop: Shop, query: str, since: int, until: int) -> dict[SeriesKey, set[tuple[int, float]]]:
    """What Akeso's puller gets of the same Prometheus."""
    puller, table = Prometheus(Address(f"http://127.0.0.1:{shop.prometheus}"), [query]), SeriesTable()
    result = await puller.pull(PullRequest("default", since, until), table)
    await puller.close()
    assert result.rejected == ()
    block, found = result.batch.metrics, defaultdict[SeriesKey, set[tuple[int, float]]](set)
    for series, at, value in zip(block.series.tolist(), block.time.tolist(), block.value.tolist(), strict=True):
        found[table[series]].add((at, value))
    return found
