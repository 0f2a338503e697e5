"""A calm day, as short as wanted: visitors come and go as in 24 hours, with deploys and restarts of the load generator.

What Akeso receives meanwhile stays in its data folder: a recording of telemetry in which nothing may be noticed.
"""

import asyncio
import math
import time
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from akeso.lab.faults.fault import Site
from akeso.lab.load.surge import EVERY_JOURNEY
from akeso.lab.scoring.akeso_client import AkesoClient
from akeso.lab.scoring.calm import benign_deploy

STEPS_A_DAY = 48
VISITORS = "visitors"
DEPLOY_AT = (0.4, 0.75)
RESTART_AT = 0.6
VISITORS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something benign; at: seconds since the epoch; day: the part of the day that had passed, 0 to 1."""

    at: float
    day: float
    what: str


@dataclass(slots=True)
class CalmDay:
    """What was lived. began, ended: seconds since the epoch; day_s: how long a whole day took."""

    began: float
    day_s: float
    ended: float = 0.0
    happenings: list[Happening] = field(default_factory=list)
    false_incidents: list[str] = field(default_factory=list)
    unneeded_actions: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self)


def diurnal(day: float) -> float:
    """How many times their base rate visitors come when `day` of a day (0 to 1, from midnight) has passed: least
    (0.5) at six in the morning, most (1.54) at four in the afternoon."""
    return 0.94 - 0.5 * math.cos(2 * math.pi * (day - 4.5 / 24)) - 0.11 * math.cos(4 * math.pi * (day - 4.5 / 24 - 0.2))


async def live_day(site: Site, akeso: AkesoClient, seconds: float, day_s: float, seed: int) -> CalmDay:
    """Spend `seconds` in days of `day_s` seconds each, beginning at midnight."""
    random = Random(f"{seed}/day")
    lived = CalmDay(time.time(), day_s)
    step_s = day_s / STEPS_A_DAY
    due = sorted([*((at, "deploy") for at in DEPLOY_AT), (RESTART_AT, "restart")])
    for step in range(max(1, round(seconds / step_s))):
        start, end = step / STEPS_A_DAY, (step + 1) / STEPS_A_DAY
        for at, what in due:
            if start % 1.0 <= at < start % 1.0 + 1 / STEPS_A_DAY:
                told = await _happen(site, what, random, diurnal(start))
                lived.happenings.append(Happening(time.time(), round(start % 1.0, 4), told))
        await site.visitors.surge(EVERY_JOURNEY, diurnal(end), step_s)
        await asyncio.sleep(max(0.0, lived.began + (step + 1) * step_s - time.time()))
    lived.ended = time.time()
    await site.visitors.end_surge()
    incidents = await akeso.incidents(lived.began)
    lived.false_incidents = [f"{incident.service}: {incident.title}" for incident in incidents]
    lived.unneeded_actions = sum(len(incident.actions) for incident in incidents)
    return lived


async def _happen(site: Site, what: str, random: Random, factor: float) -> str:
    if what == "deploy":
        return f"deploy of {await benign_deploy(site, random)}"
    supervisor = site.shop.supervisor
    await supervisor.stop(VISITORS)
    await supervisor.start(VISITORS)
    await site.visitors.answering(VISITORS_WITHIN_S)
    await site.visitors.surge(EVERY_JOURNEY, factor)
    return "restart of the load generator"
