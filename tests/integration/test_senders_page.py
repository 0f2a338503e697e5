"""What docs/senders.md says to paste, pasted: read from the page, with the port and the key put in."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.recorded.stored import stored_batches
from akeso.testing.servers.running import ENVIRONMENT, Akeso, eventually, free_port
from akeso.testing.servers.watchers import is_ready, program

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.integration, pytest.mark.timeout(120)]

PAGE = (Path(__file__).parents[2] / "docs" / "senders.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PORTS = {5514: free_port(), 5515: free_port(), 8125: free_port(), 2003: free_port(), 24224: free_port()}
SDK = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("page").start_as_current_span("work"):
    pass
provider.shutdown()
"""
RULES = "groups: [{name: a, rules: [{alert: Paged, expr: vector(1), labels: {service: page}}]}]"


def blocks(language: str) -> list[str]:
    """All blocks in a language, with the ports of this test."""
    found = [text for kind, text in BLOCK.findall(PAGE) if kind == language]
    return [re.sub(r"\b(5514|5515|8125|2003|24224)\b", lambda port: str(PORTS[int(port[0])]), text) for text in found]


class Pasted:
    """A running Akeso with the settings of the page, and its key."""

    def __init__(self, akeso: Akeso) -> None:
        self.akeso, self.key = akeso, akeso.new_key("page", "ingest")

    def fill(self, text: str) -> str:
        return text.replace("127.0.0.1:8321", f"127.0.0.1:{self.akeso.port}").replace("YOUR_KEY", self.key)

    def block(self, language: str, holding: str) -> str:
        (found,) = (text for text in blocks(language) if holding in text)
        return self.fill(found)

    def stored(self, table: SeriesTable | None = None) -> list[TelemetryBatch]:
        return asyncio.run(stored_batches(self.akeso.data, table))

    def lines(self, service: str) -> list[str]:
        return [
            line for batch in self.stored() for block in batch.logs if block.service == service for line in block.body
        ]

    def alerts(self, service: str) -> list[Any]:
        with self.akeso.client() as viewer:
            incidents = viewer.get("/api/v1/incidents").json()["incidents"]
        return [alert for each in incidents if each["service"] == service for alert in each["alerts"]]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pasted]:
    folder = tmp_path_factory.mktemp("akeso")
    (folder / "akeso.toml").write_text("\n".join(blocks("toml")))
    with Akeso(folder).running() as akeso:  # reads ./akeso.toml
        yield Pasted(akeso)


CURLS = [text for text in blocks("sh") if text.startswith("curl")]


@pytest.mark.parametrize("command", CURLS, ids=[re.search(r"8321(\S+)", text)[1] for text in CURLS])  # type: ignore[index]
def test_what_curl_sends_is_taken(page: Pasted, command: str) -> None:
    pasted = page.fill(command).replace("curl -s", "curl -s --noproxy '*' -w '\\n%{http_code}'")
    ended = subprocess.run(["bash", "-c", pasted], capture_output=True, text=True, check=True, timeout=20)
    answer, _, status = ended.stdout.rpartition("\n")
    assert status == "202", answer
    assert json.loads(answer).get("rejected") is None


def test_an_sdk_exports_by_its_environment(page: Pasted) -> None:
    exported = dict(re.findall(r"export (\w+)=(\S+)", page.block("sh", "OTEL_")))
    environment = {**ENVIRONMENT, **exported, "OTEL_SERVICE_NAME": "by-sdk", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", SDK], env=environment, check=True, timeout=60)
    spans = [block for batch in page.stored() for block in batch.spans if block.service == "by-sdk"]
    assert [block.operations for block in spans] == [("work",)]


def test_prometheus_writes_and_alerts(page: Pasted, tmp_path: Path) -> None:
    port = free_port()
    config = yaml.safe_load(page.block("yaml", "remote_write")) | yaml.safe_load(page.block("yaml", "alertmanagers"))
    scraped = {"job_name": "by-prometheus", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config |= {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [scraped]}
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config | {"rule_files": [str(tmp_path / "rules.yml")]}))
    arguments = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb")
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s")
    with program(tmp_path, "prometheus", *arguments, *listen):
        eventually(lambda: page.alerts("page"), "its alert")
        table = SeriesTable()
        eventually(lambda: page.stored(table) and any(k.service == "by-prometheus" for k in table.keys), "its samples")


def test_alertmanager_notifies(page: Pasted, tmp_path: Path) -> None:
    port = free_port()
    route = {"receiver": "akeso", "group_wait": "0s", "group_interval": "1s"}
    config = yaml.safe_load(page.block("yaml", "webhook_configs")) | {"route": route}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    files = (f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/alerts")
    listen = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    with program(tmp_path, "prometheus-alertmanager", *files, *listen):
        eventually(lambda: is_ready(port), "Alertmanager is ready")
        body = [{"labels": {"alertname": "Notified", "service": "by-alertmanager"}}]
        httpx.post(
            f"http://127.0.0.1:{port}/api/v2/alerts", json=body, trust_env=False, verify=False
        ).raise_for_status()
        eventually(lambda: page.alerts("by-alertmanager"), "its alert")


def test_rsyslog_forwards(page: Pasted, tmp_path: Path) -> None:
    (action,) = (text for text in blocks("") if "omfwd" in text)
    given = f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{tmp_path}/log")\n'
    (tmp_path / "rsyslog.conf").write_text(f'global(workDirectory="{tmp_path}")\n{given}{action}')
    arguments = ("-n", "-f", f"{tmp_path}/rsyslog.conf", "-i", f"{tmp_path}/pid")
    with program(tmp_path, "rsyslogd", *arguments):
        eventually((tmp_path / "log").exists, "rsyslog is ready")
        subprocess.run(["logger", "-u", str(tmp_path / "log"), "-t", "by-rsyslog", "forwarded"], check=True)
        eventually(lambda: page.lines("by-rsyslog") == ["forwarded"], "the line")


def test_the_payload_of_datadog_is_taken(page: Pasted) -> None:
    payload = page.block("json", "$EVENT_TITLE")
    values = {
        "EVENT_TITLE": "[Triggered] slow",
        "ALERT_TRANSITION": "Triggered",
        "TAGS": "service:by-datadog",
        "DATE": "1795977206000",
    }
    filled = re.sub(r"\$([A-Z_]+)", lambda name: values.get(name[1], "x"), payload)
    assert sent(page, "/api/v1/alerts/datadog", json.loads(filled)) == 202
    assert eventually(lambda: page.alerts("by-datadog"), "its alert")[0]["title"] == "slow"


def test_the_parameters_of_zabbix_are_taken(page: Pasted) -> None:
    script = page.block("js", "HttpRequest")
    names = re.findall(r"(\w+) \{[A-Z.]+\}", script)
    values = {"event_value": "1", "event_tags": '[{"tag": "service", "value": "by-zabbix"}]', "event_severity": "High"}
    assert sent(page, "/api/v1/alerts/zabbix", {name: values.get(name, "x") for name in names}) == 202
    eventually(lambda: page.alerts("by-zabbix"), "its alert")


def sent(page: Pasted, path: str, body: object) -> int:
    headers = {"X-API-Key": page.key}
    return httpx.post(page.akeso.url + path, json=body, headers=headers, trust_env=False, verify=False).status_code


def test_every_path_on_the_page_is_an_endpoint(page: Pasted) -> None:
    with page.akeso.client() as viewer:
        known = set(viewer.get("/openapi.json").json()["paths"])
    named = set(re.findall(r"(?:8321|`)(/[a-z0-9/-]+)", PAGE))
    assert named - known - {"/metrics", "/api/v2/alerts"} <= {"/api/v1/webhooks/default", "/api/v1/webhooks/probe"}
