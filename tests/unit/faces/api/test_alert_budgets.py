"""Alert budgets and error budgets over REST and on the command line."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from akeso.composition.system import System
from akeso.config.settings import load_settings
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.messages import Decision
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_RATE, Signal
from akeso.faces.api.server import create_api
from akeso.stages.features.metric_meanings import signal_of

START = 1_900_000_000
SERVICES = "services: {api: {slo: {latency_ms: 100, error_ratio: 0.01}, alert_budget: 1}}"


def anomaly(score: float) -> Anomaly:
    at, key = datetime(2030, 1, 1, tzinfo=UTC), SeriesKey("t", "api", RED_MEAN)
    return Anomaly("a", "t", key, Signal.LATENCY, at, at, score, 200.0, 50.0, 5.0, ("ewma",), 1e-4)


@asynccontextmanager
async def asked(folder: Path) -> AsyncIterator[tuple[System, httpx.AsyncClient]]:
    (folder / "services.yaml").write_text(SERVICES)
    given = {"data": str(folder / "data"), "services": str(folder / "services.yaml"), "tenant": "t"}
    system = await System.open(load_settings(None, given))
    transport = httpx.ASGITransport(create_api(system), client=("127.0.0.1", 1))
    headers = {"X-API-Key": system.key_path.read_text().strip()}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://akeso", headers=headers) as client:
            yield system, client
    finally:
        await system.stop()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_the_alert_budget_of_each_service_is_shown(tmp_path: Path) -> None:
    async with asked(tmp_path) as (system, client):
        budget = system.detection.decision.budget
        for second, score in ((START, 2.0), (START + 3600, 1.5)):
            raised = replace(anomaly(score), detected_at=datetime.fromtimestamp(second, UTC))
            budget.admit(Decision(second * NANOSECONDS, (raised,)))
        found = (await client.get("/api/v1/detection/budget")).json()
    assert (found["per_week"], found["never_held_back"]["score"]) == (2.0, 3.0)
    (service,) = found["services"]
    assert (service["service"], service["budget"], service["notified"], service["withheld"]) == ("api", 1.0, 1, 1)
    assert service["threshold"] == pytest.approx(3.0)  # nothing is left in the token bucket
    assert [alarm["notified"] for alarm in service["alarms"]] == [True, False]
    assert service["alarms"][0]["at"] == "2030-03-17T17:46:40Z"
    # Under their earlier names as well, for one release.
    assert (service["told"], service["held"], [alarm["told"] for alarm in service["alarms"]]) == (1, 1, [True, False])


async def test_what_is_left_of_an_error_budget_is_shown(tmp_path: Path) -> None:
    async with asked(tmp_path) as (system, client):
        assert (await client.get("/api/v1/slo")).json() == {"scale": 1.0, "objectives": []}
        table, detector = system.feature_table, system.detection.model.detectors["slo_burn"]
        names = ((RED_RATE, "1/s"), (RED_ERRORS, "1"), (RED_MEAN, "ms"))
        keys = [SeriesKey("t", "api", metric, (), unit) for metric, unit in names]
        table.intern_all(keys)
        signals = np.array([signal_of(key) for key in keys], np.uint8)
        for second in range(100):
            values = np.array([10.0, 0.0, 250.0])
            frame = FeatureFrame((START + second) * NANOSECONDS, NANOSECONDS, values, signals)
            detector.learn(frame, np.ones(3, bool))
        found = (await client.get("/api/v1/slo")).json()["objectives"]
    assert [(o["service"], o["kind"], o["limit_ms"]) for o in found] == [
        ("api", "availability", None), ("api", "latency", 100.0),
    ]  # fmt: skip
    assert found[0]["remaining"] == 1.0
    assert found[1]["remaining"] == pytest.approx(1.0 - 100 / (3 * 86_400) / 0.01, abs=0.01)
    assert [rule["long_s"] for rule in found[1]["rules"]] == [3600.0, 21_600.0, 259_200.0]
    json.dumps(found)
