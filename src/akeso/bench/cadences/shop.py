"""Three services whose numbers are known: web calls api, api calls store, and api falls ill."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import NANOSECONDS

SERVICES = ("web", "api", "store")
ILL = "api"
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The explicit bounds that OpenTelemetry recommends for durations of HTTP requests."""

_CALLS_A_SECOND = 20.0
_OWN_S: Mapping[str, float] = {"web": 0.02, "api": 0.025, "store": 0.015}
_SLOWER = 10.0
_SPREAD = 0.3  # of the logarithm of a duration
_CPU, _BUSY = 0.2, 0.95
_MEMORY, _STEP, _NOISE = 200e6, 160e6, 1e6


@dataclass(frozen=True, slots=True)
class Fault:
    """api is ten times slower and its processor busy from `began` until `ended`, ns; its memory makes one step up and
    stays there."""

    began: int
    ended: int

    def share(self, since: int, until: int) -> float:
        """Of the time between two instants (ns), how much of it lies in the fault."""
        inside = min(until, self.ended) - max(since, self.began)
        return max(inside, 0) / max(until - since, 1)


@dataclass(slots=True)
class Told:
    """What a service says of itself at an instant. count, sum_s, buckets, cpu_s: since its start; cpu: cores lately;
    memory: bytes. buckets: int64[len(BOUNDS_S) + 1], not cumulative."""

    count: int = 0
    sum_s: float = 0.0
    buckets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS_S) + 1, np.int64))
    cpu_s: float = 0.0
    cpu: float = _CPU
    memory: float = _MEMORY


@dataclass(slots=True)
class Shop:
    """start: ns; fault: None for a calm life; random: of all that is by chance."""

    start: int
    fault: Fault | None
    random: np.random.Generator
    _told: dict[str, Told] = field(default_factory=lambda: {name: Told() for name in SERVICES})
    _until: dict[str, int] = field(default_factory=dict)

    def at(self, service: str, instant: int) -> Told:
        """What the service says at an instant (ns), later than the one before."""
        told, since = self._told[service], self._until.get(service, self.start)
        seconds = max(instant - since, 0) / NANOSECONDS
        took = self.durations_s(service, since, instant, int(self.random.poisson(_CALLS_A_SECOND * seconds)))
        told.count += len(took)
        told.sum_s += float(took.sum())
        told.buckets += np.bincount(np.searchsorted(BOUNDS_S, took), minlength=len(BOUNDS_S) + 1)
        share = self._share(service, since, instant)
        told.cpu = float(np.clip(_CPU + (_BUSY - _CPU) * share + self.random.normal(0.0, 0.01), 0.0, 1.0))
        told.cpu_s += told.cpu * seconds
        stepped = service == ILL and self.fault is not None and instant >= self.fault.began
        told.memory = _MEMORY + _STEP * stepped + float(self.random.normal(0.0, _NOISE))
        self._until[service] = max(instant, since)
        return told

    def durations_s(self, service: str, since: int, until: int, calls: int) -> NDArray[np.float64]:
        """float64[calls]: seconds that calls between two instants (ns) took; a caller waits for whom it calls."""
        ill = self.random.random(calls) < self._share(ILL, since, until)
        below = SERVICES[SERVICES.index(service) :]
        return np.asarray(np.sum([self.own_s(name, ill) for name in below], axis=0))

    def own_s(self, service: str, ill: NDArray[np.bool_]) -> NDArray[np.float64]:
        """float64[calls]: seconds that calls took in one service alone; ill: whether each was made in the fault."""
        own = _OWN_S[service] * self.random.lognormal(0.0, _SPREAD, len(ill))
        return np.where(ill & (service == ILL), _SLOWER * own, own)

    def _share(self, service: str, since: int, until: int) -> float:
        return self.fault.share(since, until) if self.fault is not None and service == ILL else 0.0
