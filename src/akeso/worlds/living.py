"""Akeso living in a simulated world, from the world's beginning to its end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from akeso.domain.incident.incident import Incident
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.ports.bus import Topic
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.running.run import Run, play
from akeso.worlds.running.setting import Setup
from akeso.worlds.scoring.baseline import Baseline
from akeso.worlds.scoring.matching import Lived, scored
from akeso.worlds.scoring.score import RunScore
from akeso.worlds.scoring.watched import Watched
from akeso.worlds.world import World

OUTSIDE = frozenset({ServiceKind.THIRD_PARTY, ServiceKind.MACHINE})
"""Services that nobody here can act on."""


@dataclass(frozen=True, slots=True)
class Order:
    """How long is lived, and of that how long at first without being scored; settings: of Akeso."""

    lasts_s: float
    warm_up_s: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Life:
    """What came of it. refused: (sender, path, status) → requests that Akeso did not take in; baseline: what z-scores
    made of the same features; cpu_s: of everything, the world's part included."""

    score: RunScore
    incidents: Sequence[Incident]
    journal: bytes
    baseline: Baseline
    requests: int
    refused: Mapping[tuple[str, str, int], int]
    lasts_s: float
    cpu_s: float
    world_cpu_s: float

    @property
    def speed(self) -> float:
        """How many times faster than the world's own time, on one core."""
        return self.lasts_s / self.cpu_s if self.cpu_s else 0.0


def live(world: World, order: Order) -> Life:
    """All of it, with every service of the world within Akeso's reach."""
    watched, began = Watched(world), time.process_time()
    since = world.now + round(order.warm_up_s * NANOSECONDS)
    until = world.now + round(order.lasts_s * NANOSECONDS)

    async def lived(run: Run) -> Life:
        baseline = Baseline(run.system.feature_table, since)
        run.listen([Topic.FEATURES], "baseline", baseline.see)
        await run.live_until(until)
        incidents = await run.incidents()
        score = scored(Lived(watched, incidents, since, until))
        took, own = time.process_time() - began, watched.cpu_s
        journal = await run.journal()
        return Life(score, incidents, journal, baseline, run.requests, run.refused, order.lasts_s, took, own)

    bound = tuple(s.name for s in world.spec.estate.services if s.kind not in OUTSIDE)
    return play(watched, Setup(bound=bound, settings=order.settings), lived)
