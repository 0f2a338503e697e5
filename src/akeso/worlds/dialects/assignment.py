"""What a dialect is made with."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from akeso.domain.telemetry.batches import Mask
from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.estate.estate import Estate
from akeso.worlds.observation import Status


@dataclass(frozen=True, eq=False)
class Assignment:
    """services: rows of those that it tells of; every_s: how often, None for the tool's own default; seed: of the whole
    telling, so that all senders make the same ids; random: its own; start: ns, when the world begins."""

    estate: Estate
    services: frozenset[int]
    start: int
    seed: int
    tally: Tally
    random: np.random.Generator
    every_s: float | None = None

    @cached_property
    def mine(self) -> Mask:
        """bool[instances]: rows of its services. Only after the first tick."""
        return np.isin(self.tally.service_of, list(self.services))

    def speaking(self) -> Mask:
        """bool[instances]: its processes that run and whose telemetry gets out. One that hangs says nothing."""
        latest = self.tally.latest
        found: Mask = self.mine & _SPEAKS[latest.instances.status] & latest.heard_instances
        return found


_SPEAKS = np.isin(np.arange(len(Status)), (Status.STARTING, Status.UP, Status.STOPPING))
