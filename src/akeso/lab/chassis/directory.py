"""Service discovery: a ready instance leaves a file, callers list the files anew twice a second.

A crashed instance leaves its file behind, so its callers meet a refused connection, as in life.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from akeso.lab.shop.folder import RunFolder, write_atomically

LISTED_FOR_S = 0.5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an instance answers requests (`port`) and the lab's own questions (`control`)."""

    instance: str
    port: int
    control: int
    pid: int


def read_endpoints(folder: Path) -> tuple[Endpoint, ...]:
    """Every endpoint on file, in the order of their names."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(Endpoint(**json.loads(path.read_text())))
        except FileNotFoundError:
            continue  # withdrawn between listing and reading
    return tuple(found)


def publish(folder: RunFolder, service: str, endpoint: Endpoint) -> None:
    """Tell callers that the instance is ready."""
    write_atomically(_file(folder, service, endpoint.instance), json.dumps(asdict(endpoint)))


def withdraw(folder: RunFolder, service: str, instance: str) -> None:
    """Tell callers that the instance is about to leave."""
    _file(folder, service, instance).unlink(missing_ok=True)


def _file(folder: RunFolder, service: str, instance: str) -> Path:
    return folder.endpoints(service) / f"{instance}.json"


class Directory:
    """The endpoints of other services, at most `LISTED_FOR_S` old, each call the next instance in turn."""

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._listed: dict[str, tuple[float, tuple[Endpoint, ...]]] = {}
        self._turn: dict[str, int] = {}

    def candidates(self, service: str) -> tuple[Endpoint, ...]:
        """All instances, the one whose turn it is first."""
        endpoints = self._list(service)
        if not endpoints:
            return ()
        turn = self._turn[service] = self._turn.get(service, -1) + 1
        start = turn % len(endpoints)
        return endpoints[start:] + endpoints[:start]

    def _list(self, service: str) -> tuple[Endpoint, ...]:
        now = self._clock()
        listed_at, endpoints = self._listed.get(service, (float("-inf"), ()))
        if now - listed_at >= LISTED_FOR_S:
            endpoints = read_endpoints(self._folder.endpoints(service))
            self._listed[service] = (now, endpoints)
        return endpoints
