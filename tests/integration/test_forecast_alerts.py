"""A running Akeso foresees that a usage will reach its limit, and tells it before it happens."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.testing.servers.running import Akeso, eventually, repeating

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]
# Seconds instead of minutes: a step is a slot.
PACE = ("forecast.enabled=true", "forecast.step=1", "forecast.reach=120", "forecast.learnt=10", "forecast.live=30")
LIMIT, GROWS_BY = 1000.0, 4.0


def gauge(name: str, value: float) -> dict[str, Any]:
    point = {"asDouble": value, "timeUnixNano": str(time.time_ns())}
    return {"name": name, "unit": "By", "gauge": {"dataPoints": [point]}}


class Filling:
    """A disk of a service that fills by four bytes a second."""

    def __init__(self, client: httpx.Client) -> None:
        self.client, self.began = client, time.monotonic()

    @property
    def usage(self) -> float:
        return 700.0 + GROWS_BY * (time.monotonic() - self.began)

    def tell(self) -> None:
        metrics = [gauge("disk.usage", self.usage), gauge("disk.limit", LIMIT)]
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "ledger"}}]}
        body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}
        self.client.post("/v1/metrics", json=body).raise_for_status()


def foretold(client: httpx.Client) -> Any:
    found = client.get("/api/v1/incidents").json()["incidents"]
    alerts = [(i, a) for i in found for a in client.get(f"/api/v1/incidents/{i['id']}").json()["alerts"]]
    return next(((i, a) for i, a in alerts if a["source"] == "akeso.forecast"), None)


def test_a_disk_that_fills_is_told_with_its_lead_and_its_probability(tmp_path: Path) -> None:
    with Akeso(tmp_path, *PACE).running() as akeso, akeso.client() as client, akeso.client() as telling:
        disk = Filling(telling)
        with repeating(disk.tell, 0.2):
            incident, alert = eventually(lambda: foretold(client), "a predictive alert", 90, 0.5)
            assert disk.usage < LIMIT
        assert alert["service"] == incident["service"] == "ledger"
        assert "disk.usage will reach 1000" in alert["title"]
        annotations = dict(alert["annotations"])
        assert float(annotations["probability"]) >= 0.9
        assert 0 < float(annotations["lead_minutes"]) <= 2
