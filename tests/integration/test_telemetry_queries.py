"""Stored telemetry over HTTP and on the command line: asked for, exported, replayed."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akeso.testing.requests.otlp import Metrics, as_json, trace_request
from akeso.testing.servers.running import Akeso, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    """With telemetry of one service."""
    akeso = Akeso(tmp_path_factory.mktemp("akeso"))
    with akeso.running():
        send(akeso)
        yield akeso


def send(akeso: Akeso) -> None:
    now = time.time_ns()
    metrics = Metrics({"service.name": "cart"})
    for route, value in (("/a", 1.0), ("/b", 2.0)):
        metrics.gauge("depth", value, {"route": route}, at=now)
    span = {
        "trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "GET /a", "kind": 2,
        "start_time_unix_nano": now - SECOND // 4, "end_time_unix_nano": now, "failed": True,
    }  # fmt: skip
    lines = [{"service": "cart", "level": "error", "message": f"cannot reach 10.0.0.{n} today"} for n in range(5)]
    with akeso.sender() as client:
        plain = {"Content-Type": "application/json"}
        traces = as_json(trace_request({"service.name": "cart"}, span))
        sent = [
            client.post("/v1/metrics", content=as_json(metrics.request), headers=plain),
            client.post("/v1/traces", content=traces, headers=plain),
            client.post("/api/v1/logs", content="\n".join(map(json.dumps, lines)), headers=plain),
        ]
    assert [answer.status_code for answer in sent] == [200, 200, 202]


def test_metrics_are_a_matrix(akeso: Akeso) -> None:
    with akeso.client() as client:
        found = client.get(
            "/api/v1/telemetry/metrics", params={"metric": "depth", "match": "route=/b", "step": 60}
        ).json()
    (series,) = found["series"]
    assert (series["service"], series["attributes"], series["stat"]) == ("cart", {"route": "/b"}, "")
    assert len(series["values"]) == len(found["times"]) == 60
    assert [value for value in series["values"] if value is not None] == [2.0]


def test_log_records_are_templates(akeso: Akeso) -> None:
    with akeso.client() as client:
        found = client.get("/api/v1/telemetry/logs", params={"severity": 17, "samples": 2}).json()
    (group,) = found["templates"]
    assert (group["count"], group["template"], len(group["samples"])) == (5, "cannot reach <*> today", 2)
    assert sorted(group["parameters"][0]) == [f"10.0.0.{n}" for n in range(5)]


def test_spans_are_rates_errors_and_durations(akeso: Akeso) -> None:
    with akeso.client() as client:
        (group,) = client.get("/api/v1/telemetry/spans").json()["groups"]
    assert (group["operation"], group["role"], group["count"], group["errors"]) == ("GET /a", "server", 1, 1)
    assert group["max_ms"] == pytest.approx(250)


def test_another_tenant_sees_nothing_and_a_sender_may_not_look(akeso: Akeso) -> None:
    with akeso.client(akeso.new_key("stranger", "viewer", "elsewhere")) as client:
        assert client.get("/api/v1/telemetry/metrics").json()["series"] == []
        assert client.get("/api/v1/telemetry/logs").json()["templates"] == []
        assert client.get("/api/v1/telemetry/spans").json()["groups"] == []
    with akeso.client(akeso.new_key("sender", "ingest")) as client:
        assert client.get("/api/v1/telemetry/metrics").status_code == 403
    with akeso.client("") as client:
        assert client.get("/api/v1/telemetry/logs").status_code == 401


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ("metrics?match=route", "match"),
        ("metrics?match=route=~(", "match.route"),
        ("metrics?start=2026-01-01&end=2025-01-01", "end"),
        ("metrics?step=0.001", "step"),
        ("metrics?quantile=2", "quantile"),
        ("spans?sevrice=cart", "sevrice"),
    ],
)
def test_a_wrong_question_names_its_field(akeso: Akeso, what: str, field: str) -> None:
    with akeso.client() as client:
        answer = client.get(f"/api/v1/telemetry/{what}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_the_command_line_asks_exports_and_replays(akeso: Akeso, tmp_path: Path) -> None:
    where = ("--url", akeso.url, "--data", str(akeso.data))
    for what, said in (("metrics", "depth"), ("logs", "cannot reach <*> today"), ("spans", "GET /a")):
        code, out, err = run_akeso(tmp_path, "telemetry", "query", what, *where)
        assert (code, said in out) == (0, True), out + err
    code, out, _ = run_akeso(tmp_path, "telemetry", "query", "spans", "--json", *where)
    assert (code, json.loads(out)["groups"][0]["service"]) == (0, "cart")
    export = ("telemetry", "export", "--parquet", "out", "--data", str(akeso.data))
    code, out, err = run_akeso(tmp_path, *export)
    assert (code, out.splitlines()) == (
        0, ["out/metrics: 2 rows", "out/logs: 5 rows", "out/spans: 1 rows", "out/changes: 0 rows"],
    ), err  # fmt: skip
    code, _, err = run_akeso(tmp_path, *export)
    assert (code, "exists already" in err) == (2, True)
    replays = []
    for recording in ("out", str(akeso.data / "telemetry.db"), "5m"):
        code, out, err = run_akeso(tmp_path, "replay", recording, "--json", "--data", str(akeso.data))
        assert code == 0, err
        replays.append({**json.loads(out), "wall_s": 0, "cpu_s": 0, "speed": 0})
    assert replays[0] == replays[1] == replays[2]
    assert replays[0]["points"] == 8
