"""Proves every fault on a running shop, without Akeso: it hurts visitors, and an acceptable action ends it."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from akeso.lab.errors import NotReady
from akeso.lab.faults.fault import Fault, Injection, Site
from akeso.lab.faults.restore import restore
from akeso.lab.shop.running import eventually

CALM_FOR_S = 3.0
CALM_WITHIN_S = 30.0
HEALED_WITHIN_S = 20.0
ACTIVE_WITHIN_S = 5.0
STAYS_HEALTHY_FOR_S = 3.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen of one fault. Seconds are None for what did not happen; `healed_after_s` counts from the remedy."""

    fault: str
    target: str
    parameters: str
    hurt_after_s: float | None
    reasons: tuple[str, ...]
    was_active: bool
    healed_after_s: float | None
    still_active: bool
    left_over: tuple[str, ...]

    def holds(self, within_s: float) -> bool:
        """Whether the fault is what it claims to be."""
        hurts = self.hurt_after_s is not None and self.hurt_after_s <= within_s
        return hurts and self.was_active and self.healed_after_s is not None and not self.still_active


async def prove(site: Site, faults: tuple[Fault, ...], seed: int, target: str | None = None) -> AsyncIterator[Proof]:
    """One fault after the other, the shop restored in between."""
    for fault in faults:
        yield await prove_one(site, fault, fault.drawn(seed, 0, target))


async def prove_one(site: Site, fault: Fault, injection: Injection) -> Proof:
    """Inject, wait for the pain, apply the first acceptable action, wait for health, restore."""
    await site.visitors.wait_healthy(CALM_FOR_S, CALM_WITHIN_S)
    began = time.time()
    await fault.inject(site, injection)
    view = await site.visitors.wait_unhealthy(began, fault.hurts_within_s + 4.0)
    hurt_at = view.first_unhealthy_after(began)
    was_active = await _is_active(site, fault, injection)
    remedied = time.time()
    await fault.remedy(site, injection)
    after = await site.visitors.wait_healthy(STAYS_HEALTHY_FOR_S, HEALED_WITHIN_S)
    still_active = await fault.active(site, injection)
    await fault.clear(site, injection)
    left_over = await restore(site)
    return Proof(
        fault=fault.name,
        target=injection.target,
        parameters=", ".join(f"{key} {value}" for key, value in injection.parameters.items()),
        hurt_after_s=None if hurt_at is None else hurt_at - began,
        reasons=view.reasons,
        was_active=was_active,
        healed_after_s=after.since - remedied if after.healthy_for() >= STAYS_HEALTHY_FOR_S else None,
        still_active=still_active,
        left_over=left_over,
    )


async def _is_active(site: Site, fault: Fault, injection: Injection) -> bool:
    # A visitor may notice a process's death before the supervisor does.
    try:
        await eventually(lambda: fault.active(site, injection), f"{fault.name} being active", ACTIVE_WITHIN_S)
    except NotReady:
        return False
    return True
