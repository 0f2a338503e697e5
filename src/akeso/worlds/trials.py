"""Worlds that are drawn to be scored: a system, a way of telling it, and one thing that happens."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import structlog

from akeso.worlds.dialects.drawing import draw_telling
from akeso.worlds.discovery import occurrences
from akeso.worlds.estate.generator import generate
from akeso.worlds.living import Order, live
from akeso.worlds.opening import open_world
from akeso.worlds.scoring.baseline import compared
from akeso.worlds.scoring.score import RunScore
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.tellings import DRAWN, Telling

SeedSet = Literal["development", "judgement"]

_FIRST: Mapping[SeedSet, int] = MappingProxyType({"development": 1, "judgement": 1_000_001})
START = 1_772_445_600 * 10**9  # 2 March 2026, ten in the morning, a Monday
_AFTERWARDS = 300 * 10**9


@dataclass(frozen=True, slots=True)
class Trial:
    """services: how many; happens: kinds, in order, evenly over the time after the warm-up; told: the name of the way
    of telling, and telling: that as a world's YAML has it; every_s: how often metrics come, where that is tried."""

    seed: int
    services: int
    happens: tuple[str, ...]
    told: str
    telling: Telling
    lasts_s: float = 900.0
    warm_up_s: float = 300.0
    every_s: float | None = None

    @property
    def spec(self) -> WorldSpec:
        """The world. Each thing lasts for two thirds of the time until the next."""
        share = (self.lasts_s - self.warm_up_s) / max(len(self.happens), 1)
        planned = [
            Planned(kind, self.warm_up_s + place * share, lasts_s=share * 2 / 3)
            for place, kind in enumerate(self.happens)
        ]
        estate = generate(self.seed, self.services)
        telling = draw_telling(self.seed, estate) if self.told == DRAWN else self.telling
        return WorldSpec(f"trial {self.seed}", estate, START, tuple(planned), telling)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial; baseline: z-scores with the loudest service blamed, see `compared`."""

    trial: Trial
    score: RunScore
    baseline: Mapping[str, int]
    speed: float
    refused: int


def seeds(which: SeedSet, count: int) -> Sequence[int]:
    """Those of one set are never in the other."""
    return range(_FIRST[which], _FIRST[which] + count)


def faults() -> Sequence[str]:
    """Kinds of fault that can hurt somebody, sorted."""
    return [name for name, kind in occurrences().items() if not kind.ordinary and not kind.gap and kind.hurts_within_s]


def ordinary() -> Sequence[str]:
    """Kinds of events of ordinary life, lost telemetry included, sorted."""
    return [name for name, kind in occurrences().items() if kind.ordinary or kind.gap]


def tried(trials: Sequence[Trial], workers: int) -> Iterator[Tried]:
    """Each trial's result, in order. workers: processes at once."""
    if workers <= 1:
        yield from map(attempt, trials)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(attempt, trials)


def attempt(trial: Trial) -> Tried:
    """One trial, lived through."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))  # of logging: ERROR
    world = open_world(trial.spec, trial.seed)
    life = live(world, Order(trial.lasts_s, trial.warm_up_s))
    truth = [each for each in world.truth if each.began >= START + round(trial.warm_up_s * 1e9)]
    baseline = compared(life.baseline.alarms, truth, world.now, _AFTERWARDS)
    return Tried(trial, life.score, baseline, life.speed, sum(life.refused.values()))
