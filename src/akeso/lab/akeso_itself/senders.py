"""Services that send telemetry to Akeso: calm, ill, or changed for good. And people who know which."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from akeso.lab.akeso_itself.akeso_under_test import AkesoUnderTest, UnderTestError

SERVICES = tuple(f"station-{letter}" for letter in "abcdefgh")
LATENCY = "request.latency"
# Metric → what it is about; all but the first explain at most, and never open an incident.
USUAL: Mapping[str, float] = {
    LATENCY: 20.0,
    "pool.utilization": 0.3,
    "payload.size": 800.0,
    "batch.items": 40.0,
    "cache.entries": 5000.0,
}
NOISE = 0.1
ILL = 6.0  # times the usual latency
EVERY_S = 1.0
LABELS_EVERY_S = 0.5
LABELLED_AFTER_S = 4.0
JUDGED_OVER = 40


@dataclass(slots=True)
class Senders:
    """Sends every second until cancelled. ill: services whose latency is many times the usual; shift: factor on all
    metrics but latency; said: whether Akeso had decided right, of the newest labels."""

    akeso_under_test: AkesoUnderTest
    random: Random
    ill: frozenset[str] = frozenset()
    shift: float = 1.0
    said: deque[float] = field(default_factory=lambda: deque(maxlen=JUDGED_OVER))
    _illness: deque[tuple[float, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=1000))

    async def run(self) -> None:
        """Telemetry, and nothing else."""
        due = time.monotonic()
        while True:
            self._illness.append((time.time(), self.ill))
            with suppress(UnderTestError):  # a sender that is turned away has nobody to tell; the next second comes
                await self.akeso_under_test.post("/v1/metrics", self._body())
            due += EVERY_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def label(self) -> None:
        """Ground truth on every service, a few seconds late, until cancelled."""
        while True:
            at = time.time() - LABELLED_AFTER_S
            labels = [{"service": s, "anomalous": s in self._ill_at(at), "at": _iso(at)} for s in SERVICES]
            answer = await self.akeso_under_test.post("/api/v1/feedback", {"labels": labels, "automatic": True})
            self.said.append(answer["agreed"] / answer["accepted"])
            await asyncio.sleep(LABELS_EVERY_S)

    def right(self, newest: int) -> float:
        """Share of right decisions over the newest rounds of labels."""
        some = list(self.said)[-newest:]
        return sum(some) / len(some) if some else 0.0

    def _ill_at(self, at: float) -> frozenset[str]:
        known = [ill for moment, ill in self._illness if moment <= at]
        return known[-1] if known else frozenset()

    def _body(self) -> dict[str, Any]:
        return {"resourceMetrics": [self._resource(service) for service in SERVICES]}

    def _resource(self, service: str) -> dict[str, Any]:
        metrics = [self._metric(service, name, usual) for name, usual in USUAL.items()]
        attributes = [{"key": "service.name", "value": {"stringValue": service}}]
        return {"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": metrics}]}

    def _metric(self, service: str, name: str, usual: float) -> dict[str, Any]:
        factor = (ILL if service in self.ill else 1.0) if name == LATENCY else self.shift
        value = usual * factor * self.random.lognormvariate(0.0, NOISE)
        point = {"asDouble": value, "timeUnixNano": str(time.time_ns())}
        return {"name": name, "unit": "ms" if name == LATENCY else "1", "gauge": {"dataPoints": [point]}}


def _iso(at: float) -> str:
    whole, rest = divmod(at, 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int(rest * 1e6):06d}Z"
