"""The Akeso that is made ill, and the way to talk to it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from akeso.lab.errors import LabError
from akeso.lab.scoring.akeso_client import AkesoClient
from akeso.lab.scoring.akeso_process import launch_akeso
from akeso.lab.shop.ports import free_ports
from akeso.lab.shop.running import eventually

READY_WITHIN_S = 60.0
# Windows are shorter than by default, so that a run takes minutes; what is not here is as shipped.
WINDOWS: Mapping[str, float] = {
    "models.pipeline.baseline": 30,
    "models.pipeline.training.least": 20,
    "model.sampled": 30,
    "model.samples": 30,
    "selfcheck.latency_events": 10,
    "selfcheck.silence": 8,
    "selfcheck.drift_window": 24,
    "selfcheck.drift_samples": 24,
    "selfcheck.drift_every": 1,
}


class UnderTestError(LabError):
    """Akeso refused what the lab asked of it."""


@dataclass(frozen=True, slots=True)
class AkesoUnderTest:
    """A running Akeso. control: the file that the slow detector obeys (see akeso.lab.akeso_itself.slow_detector)."""

    http: httpx.AsyncClient
    control: Path

    async def get(self, path: str, **query: str) -> Any:
        """Raises UnderTestError."""
        return await self._answer(self.http.build_request("GET", path, params=query))

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Raises UnderTestError."""
        return await self._answer(self.http.build_request("POST", path, json=body))

    async def pipeline(self) -> dict[str, Any]:
        """How the pipeline says that it is."""
        found: dict[str, Any] = await self.get("/api/v1/pipeline")
        return found

    async def restarts(self, agent: str) -> float:
        """How often the supervisor has started an agent anew, by Akeso's own metrics."""
        text = (await self.http.get("/metrics")).text
        found = re.search(rf'^akeso_agent_restarts_total{{agent="{agent}"}} (\S+)$', text, re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    async def incident(self, fault_class: str, since: float) -> dict[str, Any] | None:
        """The first incident about its own pipeline of this class that was detected after `since`."""
        for found in reversed((await self.get("/api/v1/incidents", limit="200"))["incidents"]):
            own = found["service"].startswith("akeso.") and seconds(found["detected_at"]) >= since
            if own and any(fault_class in alert["fingerprint"] for alert in found["alerts"]):
                return dict(found)
        return None

    async def timeline(self, incident: str) -> list[dict[str, Any]]:
        """Its journal, oldest first."""
        found: list[dict[str, Any]] = (await self.get(f"/api/v1/incidents/{incident}/timeline"))["entries"]
        return found

    async def remembers(self, incident: str, text: str) -> bool:
        """Whether its memory holds that incident."""
        found = await self.post("/api/v1/memory/search", {"text": text, "limit": 50})
        return any(each["incident"] == incident for each in found["results"])

    async def _answer(self, request: httpx.Request) -> Any:
        try:
            answer = await self.http.send(request)
        except httpx.HTTPError as silent:
            raise UnderTestError(f"{request.method} {request.url.path}: {silent!r}") from silent
        if not answer.is_success:
            raise UnderTestError(f"{request.method} {request.url.path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()


@asynccontextmanager
async def akeso_under_test(data: Path, chosen: Sequence[str] = ()) -> AsyncIterator[AkesoUnderTest]:
    """An Akeso of its own with its slow detector installed, effects switched on and trust as shipped; ended at the end.

    chosen: further settings, as `name=value`.
    """
    control, services = data / "slow_detector", _prepared(data)
    settings = (
        "dry_run=false", "grpc_port=0", "otlp_http_port=0", f"detectors.slow_detector.control='{control}'",
        *(f"{name}={value:g}" for name, value in WINDOWS.items()),
        *chosen,
    )  # fmt: skip
    (port,) = free_ports(1)
    akeso = launch_akeso(data, services, port, settings, install_slow_detector(data / "plugins"))
    try:
        client = AkesoClient(akeso.url, await akeso.key())
        await eventually(client.is_ready, "Akeso being ready", READY_WITHIN_S)
        headers = {"X-API-Key": client.key}
        async with httpx.AsyncClient(base_url=akeso.url, headers=headers, timeout=10, trust_env=False) as http:
            yield AkesoUnderTest(http, control)
    finally:
        await akeso.stop()


def _prepared(data: Path) -> Path:
    data.mkdir(parents=True)
    services = data / "services.yaml"
    services.write_text("services: {}\n")
    return services


def install_slow_detector(folder: Path) -> Path:
    """A distribution that holds nothing but the plugin's entry point; Akeso finds it when `folder` is on its path."""
    about = folder / "akeso_lab_slow_detector-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: akeso-lab-slow-detector\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[akeso.plugins]\ndetectors.slow_detector = akeso.lab.akeso_itself.slow_detector\n"
    )
    return folder


def seconds(text: str) -> float:
    """An instant of the API as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


async def until(look: Any, within_s: float, every_s: float = 0.25) -> Any:
    """The first thing that `look` returns that is true; None when it never does."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(every_s)
    return None
