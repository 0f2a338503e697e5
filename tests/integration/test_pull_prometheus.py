"""Debian's Prometheus and Alertmanager, unchanged, asked by a running Akeso."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.domain.telemetry.batches import NANOSECONDS, SeriesKey, Temporality
from akeso.testing.recorded.stored import stored_points
from akeso.testing.servers.running import Akeso, eventually, free_port
from akeso.testing.servers.watchers import exporting, is_ready, program

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.integration, pytest.mark.timeout(90)]

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{exporter}"], labels: {{service: cart}}}}]
"""
RULES = """
groups:
  - name: shop
    rules:
      - {alert: CartQueue, expr: cart_queue_length > 100, labels: {severity: critical}, annotations: {summary: long}}
"""
ALERTING = "route: {receiver: none}\nreceivers: [{name: none}]\n"


class Exporter:
    """Ten requests a second since it began, and a queue as long as the test says."""

    def __init__(self) -> None:
        self.queue, self.began = 1.0, time.monotonic()

    def text(self) -> bytes:
        served = int(10 * (time.monotonic() - self.began))
        return (
            "# TYPE cart_requests_total counter\n"
            f"cart_requests_total {served}\n"
            "# TYPE cart_queue_length gauge\n"
            f"cart_queue_length {self.queue}\n"
        ).encode()


class Shop:
    """What is watched, and where the watchers are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.exporter = folder, Exporter()
        self.prometheus, self.alertmanager = free_port(), free_port()

    @contextmanager
    def open(self) -> Iterator["Shop"]:
        with exporting(self.exporter.text, "text/plain; version=0.0.4") as port:
            self._write(port)
            listen = f"--web.listen-address=127.0.0.1:{self.alertmanager}"
            config = f"--config.file={self.folder}/alerting.yml"
            storage = f"--storage.path={self.folder}/alerts"
            with (
                program(self.folder, "prometheus-alertmanager", config, storage, listen, "--cluster.listen-address="),
                program(
                    self.folder,
                    "prometheus",
                    f"--config.file={self.folder}/prometheus.yml",
                    f"--storage.tsdb.path={self.folder}/tsdb",
                    f"--web.listen-address=127.0.0.1:{self.prometheus}",
                ),
            ):
                eventually(lambda: is_ready(self.prometheus) and is_ready(self.alertmanager), "the watchers are ready")
                yield self

    def _write(self, exporter: int) -> None:
        config = CONFIG.format(folder=self.folder, alertmanager=self.alertmanager, exporter=exporter)
        (self.folder / "prometheus.yml").write_text(config)
        (self.folder / "rules.yml").write_text(RULES)
        (self.folder / "alerting.yml").write_text(ALERTING)

    def endpoints(self) -> str:
        queries = '["cart_requests_total", "cart_queue_length"]'
        pace = f"every=1, step=1, delay=1, queries={queries}"
        prometheus = f'{{kind="prometheus", url="http://127.0.0.1:{self.prometheus}", {pace}}}'
        alertmanager = f'{{kind="alertmanager", url="http://127.0.0.1:{self.alertmanager}", every=1, delay=0}}'
        return f"pull=[{prometheus}, {alertmanager}]"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("shop")).open() as shop:
        yield shop


async def points(akeso: Akeso) -> dict[SeriesKey, list[tuple[int, float]]]:
    """Everything in Akeso's telemetry store, by series, each point once."""
    return {key: sorted(set(values)) for key, values in (await stored_points(akeso.data)).items()}


def metrics(akeso: Akeso) -> dict[str, float]:
    text = httpx.get(f"{akeso.url}/metrics", trust_env=False, verify=False).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def test_what_prometheus_holds_is_stored_and_nothing_is_missed_over_a_kill(shop: Shop, tmp_path: Path) -> None:
    akeso = Akeso(tmp_path, shop.endpoints())
    samples = f'akeso_pull_samples_total{{endpoint="prometheus 127.0.0.1:{shop.prometheus}"}}'
    with akeso.running():
        eventually(lambda: metrics(akeso).get(samples, 0) >= 6, "samples")
        akeso.kill()
        time.sleep(2)
        akeso.start()
        eventually(lambda: metrics(akeso).get(samples, 0) >= 10, "samples after the restart")
        akeso.kill()
    found = asyncio.run(points(akeso))
    labels = (
        ("job", "shop"),
        ("service.instance.id", next(dict(key.attributes)["service.instance.id"] for key in found)),
    )
    counter = SeriesKey("default", "cart", "cart_requests_total", labels, temporality=Temporality.CUMULATIVE)
    queue = SeriesKey("default", "cart", "cart_queue_length", labels)
    assert found.keys() == {counter, queue}
    stamps = [at // NANOSECONDS for at, _ in found[counter]]
    assert stamps == list(range(stamps[0], stamps[-1] + 1)), "a step is missing"
    assert len(stamps) >= 8
    grown = found[counter][-1][1] - found[counter][0][1]
    assert grown / (stamps[-1] - stamps[0]) == pytest.approx(10, rel=0.35)
    assert {value for _, value in found[queue]} == {1.0}


def test_an_alert_of_alertmanager_is_an_incident_until_it_is_over(shop: Shop, tmp_path: Path) -> None:
    akeso = Akeso(tmp_path, shop.endpoints())
    with akeso.running(), akeso.client() as viewer:

        def incidents(*statuses: str) -> list[Any]:
            found = viewer.get("/api/v1/incidents").json()["incidents"]
            return [
                each for each in found if each["service"] == "cart" and (not statuses or each["status"] in statuses)
            ]

        time.sleep(2)
        assert not incidents()
        shop.exporter.queue = 500.0
        (incident,) = eventually(incidents, "an incident of the cart")
        assert [(alert["source"], alert["title"]) for alert in incident["alerts"]] == [("alertmanager", "long")]
        shop.exporter.queue = 1.0

        def over() -> bool:
            told = viewer.get("/api/v1/incidents").json()["incidents"]
            return any(alert["status"] == "resolved" for each in told for alert in each["alerts"])

        eventually(over, "the alert is over")
