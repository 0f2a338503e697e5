"""Versions of the model over the REST API and the command line of a running Akeso."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.testing.servers.running import Akeso, eventually, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
WINDOWS = ("models.pipeline.baseline=3", "models.pipeline.training.least=3", "model.sampled=5", "model.samples=5")


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    with Akeso(tmp_path_factory.mktemp("models"), *WINDOWS).running() as running:
        with running.client() as client:
            eventually(lambda: said(client) and "champion" in by_alias(client), "a first version", 40, 0.5)
        yield running


def said(client: httpx.Client) -> bool:
    for service in ("a", "b"):
        point = {"asDouble": 20.0 + time.time() % 3, "timeUnixNano": str(time.time_ns())}
        metric = {"name": "request.latency", "gauge": {"dataPoints": [point]}}
        attributes = [{"key": "service.name", "value": {"stringValue": service}}]
        body = {"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": [metric]}]}
        client.post("/v1/metrics", json={"resourceMetrics": [body]}).raise_for_status()
    return True


def versions(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/v1/models").json()["versions"]
    return found


def by_alias(client: httpx.Client) -> dict[str, str]:
    return {alias: made["version"] for made in versions(client) for alias in made["aliases"]}


def test_a_version_is_registered_promoted_and_rolled_back(akeso: Akeso) -> None:
    with akeso.client() as client:
        before = by_alias(client)["champion"]
        made = client.post("/api/v1/models", json={"threshold": 2.0, "reason": "quieter"})
        assert (made.status_code, made.json()["threshold"], made.json()["aliases"]) == (201, 2.0, [])
        version = made.json()["version"]
        assert client.post(f"/api/v1/models/{version}/promote", json={}).status_code == 200
        now = client.get("/api/v1/pipeline").json()
        assert (now["model"], now["threshold"]) == (version, 2.0)
        assert client.post("/api/v1/models/rollback", json={"reason": "too quiet"}).json()["version"] == before
        assert by_alias(client) | {"champion": before, "previous": version} == by_alias(client)
        assert client.get("/api/v1/pipeline").json()["threshold"] == 1.0


def test_a_trained_version_challenges_the_champion(akeso: Akeso) -> None:
    with akeso.client() as client:
        made = client.post("/api/v1/models/retrain", json={"reason": "on request"})
        assert made.status_code == 201, made.text
        assert made.json()["metrics"]["slots"] >= 3

        def compared() -> Any:
            told = client.get("/api/v1/models/compare").json()
            return told if told["challenger"] is not None else None

        paired = eventually(compared, "the challenger is taken up")
        assert (paired["challenger"], paired["outcome"]) == (made.json()["version"], "continue")
        assert client.post("/api/v1/models/none/challenge", json={}).json() == {"challenger": None}
        eventually(lambda: client.get("/api/v1/models/compare").json()["challenger"] is None, "no challenger")


@pytest.mark.parametrize(
    ("path", "body", "status", "naming"),
    [
        ("/api/v1/models/99/promote", {}, 404, "version 99"),
        ("/api/v1/models/99/challenge", {}, 404, "version 99"),
        ("/api/v1/models", {"threshold": 1000}, 422, "threshold"),
        ("/api/v1/models/retrain", {"window_seconds": -1}, 422, "window_seconds"),
        ("/api/v1/feedback", {"labels": []}, 422, "labels"),
        ("/api/v1/feedback", {"labels": [{"service": "a", "anomalous": "maybe"}]}, 422, "labels.0.anomalous"),
        ("/api/v1/pipeline/safe-mode", {}, 422, "on"),
    ],
)
def test_what_is_wrong_is_named(akeso: Akeso, path: str, body: dict[str, Any], status: int, naming: str) -> None:
    with akeso.client() as client:
        answer = client.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert naming in answer.text


def test_roles_are_kept(akeso: Akeso) -> None:
    with akeso.client(akeso.new_key("looker", "viewer")) as viewer, akeso.client(akeso.new_key("op", "operator")) as op:
        assert viewer.get("/api/v1/models").status_code == 200
        assert (
            viewer.post("/api/v1/feedback", json={"labels": [{"service": "a", "anomalous": False}]}).status_code == 403
        )
        assert op.post("/api/v1/feedback", json={"labels": [{"service": "a", "anomalous": False}]}).status_code == 202
        for path in ("/api/v1/models", "/api/v1/models/1/promote", "/api/v1/models/rollback"):
            assert op.post(path, json={}).status_code == 403


def test_labels_count_for_accuracy_with_what_was_decided(akeso: Akeso) -> None:
    with akeso.client() as client:
        answer = client.post(
            "/api/v1/feedback",
            json={"labels": [{"service": "a", "anomalous": False}, {"service": "b", "anomalous": True}]},
        )
        assert answer.json() == {"accepted": 2, "agreed": 1}
        eventually(lambda: client.get("/api/v1/pipeline").json()["feedback_events"] >= 2, "labels are counted")


def test_the_command_line_tells_the_same(akeso: Akeso) -> None:
    def command(*words: str) -> str:
        code, out, err = run_akeso(akeso.folder, *words, "--url", akeso.url, "--data", str(akeso.data))
        assert code == 0, err
        return out

    first = json.loads(command("models", "list", "--json"))["versions"]
    assert "champion" in command("models", "list")
    made = command("models", "snapshot", "--reason", "by hand", "--threshold", "1.5").split()[1]
    assert f"Version {made} decides now." in command("models", "promote", made)
    assert json.loads(command("models", "show", made, "--json"))["reason"] == "by hand"
    assert "decides again" in command("models", "rollback")
    assert "Akeso had decided" in command("feedback", "a", "--normal")
    assert "No version challenges" in command("models", "compare")
    assert "Safe mode is on." in command("models", "safe-mode", "on")
    assert "Safe mode is off." in command("models", "safe-mode", "off")
    assert len(json.loads(command("models", "list", "--json"))["versions"]) == len(first) + 1


def test_the_champion_outlives_a_restart(tmp_path: Path) -> None:
    akeso = Akeso(tmp_path, *WINDOWS)
    with akeso.running():
        with akeso.client() as client:
            eventually(lambda: said(client) and "champion" in by_alias(client), "a first version", 40, 0.5)
            made = client.post("/api/v1/models", json={"threshold": 3.0}).json()["version"]
            client.post(f"/api/v1/models/{made}/promote", json={}).raise_for_status()
        akeso.stop()
        akeso.start()
        with akeso.client() as client:
            now = client.get("/api/v1/pipeline").json()
            assert (now["model"], now["threshold"]) == (made, 3.0)
