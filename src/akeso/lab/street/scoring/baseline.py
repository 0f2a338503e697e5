"""What a person has without Akeso: the first alert that fires, and the name that stands in it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from akeso.lab.errors import ShopNotRunning
from akeso.lab.shop.running import exchange

LOOK_EVERY_S = 2.0
NAMING = ("service", "job", "instance")


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that Prometheus told as firing. seen_at: seconds since the epoch, when it was first seen so."""

    alert: str
    entity: str
    seen_at: float


def entity_of(labels: Mapping[str, str]) -> str:
    """Whom an alert names: by its service, else its job, else its instance; empty when it names nobody."""
    return next((labels[name] for name in NAMING if labels.get(name)), "")


class AlertWatch:
    """Notes when each alert of a Prometheus begins to fire; one that stops and fires again is noted again."""

    def __init__(self, prometheus_url: str) -> None:
        self._url = prometheus_url
        self._firing: frozenset[tuple[tuple[str, str], ...]] = frozenset()
        self.begun: list[Firing] = []

    async def watch(self) -> None:
        """Until cancelled. A Prometheus that does not answer tells nothing."""
        while True:
            with suppress(ShopNotRunning):
                answer = await exchange("GET", f"{self._url}/api/v1/alerts")
                self.note(answer["data"]["alerts"], time.time())
            await asyncio.sleep(LOOK_EVERY_S)

    def note(self, alerts: list[dict[str, object]], now: float) -> None:
        """Take in what `/api/v1/alerts` said."""
        firing = {}
        for each in alerts:
            labels = each["labels"]
            if each["state"] == "firing" and isinstance(labels, dict):
                firing[tuple(sorted(labels.items()))] = labels
        for key in firing.keys() - self._firing:
            self.begun.append(Firing(firing[key].get("alertname", ""), entity_of(firing[key]), now))
        self._firing = frozenset(firing)

    def between(self, since: float, until: float) -> tuple[Firing, ...]:
        """The alerts that began to fire in that time, oldest first."""
        return tuple(each for each in self.begun if since <= each.seen_at < until)
