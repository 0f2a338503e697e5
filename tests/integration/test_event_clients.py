"""Clients of Loki, PagerDuty and CloudEvents, unchanged, send to a running Akeso."""

import asyncio
import base64
import gzip
import importlib
import json
import logging
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.testing.recorded.stored import stored_batches
from akeso.testing.servers.running import Akeso, eventually, free_port
from akeso.testing.servers.watchers import is_ready, program

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

ALERTING = """
route: {{receiver: pager, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname, service]}}
receivers:
  - name: pager
    pagerduty_configs:
      - routing_key: 0123456789abcdef0123456789abcdef
        url: {akeso}/v2/enqueue
        severity: critical
        component: '{{{{ .CommonLabels.service }}}}'
        http_config: {{authorization: {{credentials: {key}}}}}
"""
# What grafana/loki-client-go, Promtail's client, sent; it does not say that it is compressed.
PROMTAIL = base64.b64decode(
    "hgHwXgqDAQoxe2FwcD0iZ29jYXJ0IiwgcG9kPSJwLTEiLCBxdW90ZWQ9ImFcImJcXGNcbmQgw7wifRImCgwI246G2AYQrKWy0gISFmxldmVsPWVycm9y"
    "IG1zZz0ibG9zdCISHSgE9bZmKAA="
)


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    with Akeso(tmp_path_factory.mktemp("akeso")).running() as akeso:
        yield akeso


def stored(akeso: Akeso) -> list[TelemetryBatch]:
    return asyncio.run(stored_batches(akeso.data))


def lines_of(akeso: Akeso, service: str) -> dict[str, int]:
    """The lines of a service and their severities."""
    blocks = [block for batch in stored(akeso) for block in batch.logs if block.service == service]
    return {line: level for block in blocks for line, level in zip(block.body, block.severity.tolist(), strict=True)}


def curl(akeso: Akeso, path: str, body: bytes, *headers: str) -> tuple[str, str]:
    """Status and answer."""
    asked = [each for header in (*headers, f"X-API-Key: {akeso.sender_key}") for each in ("-H", header)]
    command = ["curl", "-s", "--noproxy", "*", "-w", "\n%{http_code}", "--data-binary", "@-", *asked]
    ended = subprocess.run([*command, akeso.url + path], input=body, capture_output=True, check=True, timeout=20)
    answer, _, status = ended.stdout.decode().rpartition("\n")
    return status, answer


def test_lines_pushed_to_loki_by_curl_are_stored(akeso: Akeso) -> None:
    line = [str(int(datetime.now(UTC).timestamp() * 1e9)), "level=warn fizzbuzz"]
    body = json.dumps({"streams": [{"stream": {"app": "curled", "foo": "bar2"}, "values": [line]}]}).encode()
    push = "/loki/api/v1/push"
    assert curl(akeso, push, body, "Content-Type: application/json") == ("204", "")
    packed = gzip.compress(body.replace(b"fizzbuzz", b"packed"))
    assert curl(akeso, push, packed, "Content-Type: application/json", "Content-Encoding: gzip") == ("204", "")
    assert curl(akeso, push, PROMTAIL, "Content-Type: application/x-protobuf") == ("204", "")
    assert curl(akeso, push, b"{", "Content-Type: application/json")[0] == "400"
    assert curl(akeso, push, body, "Content-Type: application/json", "X-Scope-OrgID: stranger")[0] == "403"
    assert lines_of(akeso, "curled") == {"level=warn fizzbuzz": 13, "level=warn packed": 13}
    assert lines_of(akeso, "gocart") == {'level=error msg="lost"': 17}


def test_python_logs_through_its_loki_handler(akeso: Akeso) -> None:
    loki: Any = importlib.import_module("logging_loki")
    failed: list[logging.LogRecord] = []
    handler = loki.LokiHandler(
        url=f"{akeso.url}/loki/api/v1/push", tags={"application": "handled"}, auth=("", akeso.sender_key), version="1"
    )
    handler.handleError = failed.append
    logger = logging.Logger("checkout")
    logger.addHandler(handler)
    logger.error("something happened")
    logger.warning("ü %d", 3)
    assert not failed
    assert lines_of(akeso, "handled") == {"something happened": 17, "ü 3": 13}


def test_alertmanager_pages_and_takes_it_back(akeso: Akeso, tmp_path: Path) -> None:
    port = free_port()
    config = ALERTING.format(akeso=akeso.url, key=akeso.new_key("pager", "ingest"))
    (tmp_path / "alerting.yml").write_text(config)
    listen = f"--web.listen-address=127.0.0.1:{port}"
    files = f"--config.file={tmp_path}/alerting.yml", f"--storage.path={tmp_path}/alerts"
    with (
        program(tmp_path, "prometheus-alertmanager", *files, listen, "--cluster.listen-address="),
        akeso.client() as viewer,
    ):
        eventually(lambda: is_ready(port), "Alertmanager is ready")

        def tell(**times: datetime) -> None:
            alert = {"labels": {"alertname": "Slow", "service": "paged"}, "annotations": {"summary": "slow"}}
            body = [alert | {name: at.isoformat() for name, at in times.items()}]
            told = httpx.post(f"http://127.0.0.1:{port}/api/v2/alerts", json=body, trust_env=False, verify=False)
            assert told.status_code == 200, told.text

        def alerts() -> list[Any]:
            incidents = viewer.get("/api/v1/incidents").json()["incidents"]
            return [alert for each in incidents if each["service"] == "paged" for alert in each["alerts"]]

        began = datetime.now(UTC)
        tell(startsAt=began, endsAt=began + timedelta(minutes=5))
        (alert,) = eventually(alerts, "an incident")
        assert (alert["source"], alert["status"]) == ("pagerduty_events", "firing")
        tell(startsAt=began, endsAt=datetime.now(UTC))
        eventually(lambda: alerts()[0]["status"] == "resolved", "the alert is over")


def test_cloudevents_by_curl_are_changes_and_alerts(akeso: Akeso) -> None:
    attributes = [f"ce-{each}" for each in ("specversion: 1.0", "id: 1", "source: /ci/evented", "type: a.deployed")]
    accepted = ("202", '{"status":"accepted","accepted":1}')
    data = b'{"version":"v1"}'
    assert curl(akeso, "/api/v1/events", data, *attributes, "Content-Type: application/json") == accepted
    event = {
        "specversion": "1.0",
        "id": "2",
        "source": "/x/evented",
        "type": "a.alert.fired",
        "data": {"severity": "p1"},
    }
    structured = "Content-Type: application/cloudevents+json"
    assert curl(akeso, "/api/v1/events", json.dumps(event).encode(), structured) == accepted
    assert curl(akeso, "/api/v1/events", b"{}", structured)[0] == "422"
    (change,) = [change for batch in stored(akeso) for change in batch.changes]
    assert (change.service, change.kind, change.version) == ("evented", "deploy", "v1")
    with akeso.client() as viewer:

        def opened() -> list[Any]:
            return [i for i in viewer.get("/api/v1/incidents").json()["incidents"] if i["service"] == "evented"]

        (incident,) = eventually(opened, "an incident")
        assert incident["alerts"][0]["source"] == "cloud_events"
