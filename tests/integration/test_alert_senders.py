"""Debian's Prometheus and Alertmanager, unchanged: alerts straight to Akeso, and from a pair of replicas."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.protocols.alertmanager import _fingerprint
from akeso.testing.servers.running import Akeso, eventually, free_port
from akeso.testing.servers.watchers import is_ready, program

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.integration, pytest.mark.timeout(90)]

STRAIGHT = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{akeso}"]}}]
      basic_auth: {{username: prometheus, password: {key}}}
"""
RULES = """
groups:
  - name: always
    rules:
      - {alert: Straight, expr: vector(1), labels: {severity: critical, service: told}, annotations: {summary: s}}
"""
PAIR = """
route: {{receiver: akeso, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}}
receivers:
  - name: akeso
    webhook_configs:
      - url: {akeso}/api/v1/alerts/alertmanager
        http_config: {{authorization: {{credentials: {key}}}}}
"""


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    with Akeso(tmp_path_factory.mktemp("akeso")).running() as akeso:
        yield akeso


def alerts_of(akeso: Akeso, service: str) -> list[Any]:
    with akeso.client() as viewer:
        incidents = viewer.get("/api/v1/incidents").json()["incidents"]
    return [alert for each in incidents if each["service"] == service for alert in each["alerts"]]


def test_prometheus_tells_its_alerts_without_an_alertmanager(akeso: Akeso, tmp_path: Path) -> None:
    port, key = free_port(), akeso.new_key("prometheus", "ingest")
    (tmp_path / "prometheus.yml").write_text(STRAIGHT.format(folder=tmp_path, akeso=akeso.port, key=key))
    (tmp_path / "rules.yml").write_text(RULES)
    arguments = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb")
    # The first time it has not looked up whom to tell yet.
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s")
    with program(tmp_path, "prometheus", *arguments, *listen):
        (alert,) = eventually(lambda: alerts_of(akeso, "told"), "an incident")
    assert (alert["source"], alert["title"], alert["status"]) == ("prometheus_alerts", "s", "firing")


def test_a_pair_of_alertmanagers_tells_one_alert(akeso: Akeso, tmp_path: Path) -> None:
    ports, meshes = (free_port(), free_port()), (free_port(), free_port())
    (tmp_path / "pair.yml").write_text(PAIR.format(akeso=akeso.url, key=akeso.new_key("pair", "ingest")))
    with ExitStack() as running:
        for number, (port, mesh) in enumerate(zip(ports, meshes, strict=True)):
            files = (f"--config.file={tmp_path}/pair.yml", f"--storage.path={tmp_path}/alerts{number}")
            cluster = (f"--cluster.listen-address=127.0.0.1:{mesh}", f"--cluster.peer=127.0.0.1:{meshes[1 - number]}")
            timing = ("--cluster.peer-timeout=1s", "--cluster.settle-timeout=0s", "--cluster.gossip-interval=50ms")
            listen = f"--web.listen-address=127.0.0.1:{port}"
            (tmp_path / str(number)).mkdir()
            running.enter_context(
                program(tmp_path / str(number), "prometheus-alertmanager", *files, *cluster, *timing, listen)
            )
        eventually(lambda: all(map(is_ready, ports)), "both are ready")
        labels, began = {"alertname": "Paired", "service": "paired"}, datetime.now(UTC)
        for port in ports:
            tell(port, labels, began, began + timedelta(minutes=5))
        found = eventually(lambda: alerts_of(akeso, "paired"), "an incident")
        assert {alert["fingerprint"] for alert in found} == {_fingerprint(labels)}
        for port in ports:
            tell(port, labels, began, datetime.now(UTC))
        eventually(lambda: {a["status"] for a in alerts_of(akeso, "paired")} == {"resolved"}, "the alert is over")


def tell(port: int, labels: dict[str, str], starts: datetime, ends: datetime) -> None:
    body = [{"labels": labels, "startsAt": starts.isoformat(), "endsAt": ends.isoformat()}]
    told = httpx.post(f"http://127.0.0.1:{port}/api/v2/alerts", json=body, trust_env=False, verify=False)
    assert told.status_code == 200, told.text
