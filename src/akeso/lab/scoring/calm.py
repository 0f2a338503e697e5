"""The calm time: quiet, a benign deploy, a benign change of traffic. Whoever acts in it acts for nothing."""

import asyncio
import time
from random import Random

from akeso.lab.faults.fault import Site
from akeso.lab.load.surge import EVERY_JOURNEY
from akeso.lab.scoring.akeso_client import AkesoClient
from akeso.lab.scoring.report import Calm
from akeso.lab.shop.release_artifacts import good_release

DEPLOYABLE = ("catalog", "recommendation", "cart", "pricing", "checkout")
RAMP_S = 20.0


async def benign_deploy(site: Site, random: Random) -> str:
    """Roll out a release that works; returns the service."""
    service = random.choice(DEPLOYABLE)
    version = site.shop.releases(service).next_name()
    await site.deployer.deploy(service, good_release(service, version), version=version)
    return service


async def benign_traffic(site: Site, random: Random, hold_s: float) -> float:
    """Let all visitors come a little more often for a while, up and down smoothly; returns the factor."""
    factor = round(random.uniform(1.3, 1.5), 2)
    await site.visitors.surge(EVERY_JOURNEY, factor, RAMP_S)
    await asyncio.sleep(RAMP_S + hold_s)
    await site.visitors.surge(EVERY_JOURNEY, 1.0, RAMP_S)
    await asyncio.sleep(RAMP_S)
    await site.visitors.end_surge()
    return factor


async def run_calm(site: Site, akeso: AkesoClient, seconds: float, seed: int) -> Calm:
    """Spend the calm time: a third quiet, then the deploy, then the traffic, then quiet again."""
    began = time.time()
    random = Random(f"{seed}/calm")
    await asyncio.sleep(seconds / 3)
    await benign_deploy(site, random)
    await asyncio.sleep(seconds / 6)
    await benign_traffic(site, random, max(0.0, seconds / 4 - 2 * RAMP_S))
    await asyncio.sleep(max(0.0, began + seconds - time.time()))
    incidents = await akeso.incidents(began)
    return Calm(
        seconds=round(time.time() - began, 1),
        false_incidents=len(incidents),
        unneeded_actions=sum(len(incident.actions) for incident in incidents),
        incidents=tuple(f"{incident.service}: {incident.title}" for incident in incidents),
    )
