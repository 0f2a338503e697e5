"""Proves every fault on a running street, without Akeso: it hurts visitors, and ends when it is undone; what is benign
hurts nobody."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from akeso.lab.errors import LabError
from akeso.lab.load.client import View
from akeso.lab.street.faults.fault import Fault
from akeso.lab.street.faults.restore import restore
from akeso.lab.street.stack.street import Street

CALM_FOR_S = 4.0
CALM_WITHIN_S = 60.0
WELL_FOR_S = 4.0
BENIGN_FOR_S = 12.0
HURT_FOR_S = 3.0
LOOK_EVERY_S = 0.25
# Two cores that others use as well make single moments slow; what is benign may cause no more than that.
BENIGN_PAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen of one fault. Seconds are None for what did not happen; well_after_s counts from the undoing.

    pain_s: how long visitors were hurt while it was there. error: why it could not be brought about or undone.
    """

    fault: str
    benign: bool
    hurt_after_s: float | None = None
    reasons: tuple[str, ...] = ()
    pain_s: float = 0.0
    was_active: bool = False
    well_after_s: float | None = None
    still_active: bool = False
    left_over: tuple[str, ...] = ()
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the fault is what it claims to be."""
        if self.error is not None:
            return False
        if self.benign:
            return self.pain_s <= BENIGN_PAIN_S and not self.still_active
        return (
            self.hurt_after_s is not None
            and self.was_active
            and self.well_after_s is not None
            and not self.still_active
        )


async def prove(street: Street, faults: tuple[Fault, ...]) -> AsyncIterator[Proof]:
    """One fault after the other, the street restored in between."""
    for fault in faults:
        try:
            yield await prove_one(street, fault)
        except LabError as exc:
            await restore(street)
            yield Proof(fault.name, fault.benign, error=f"{type(exc).__name__}: {exc}")


async def prove_one(street: Street, fault: Fault) -> Proof:
    """Bring it about, wait for the pain, undo it, wait for health, restore. Raises LabError."""
    await street.visitors.wait_healthy(CALM_FOR_S, CALM_WITHIN_S)
    began = time.time()
    await fault.inject(street)
    if fault.benign:
        await asyncio.sleep(BENIGN_FOR_S)
        view = await street.visitors.view()
    else:
        view = await _hurt(street, began, fault.hurts_within_s)
    hurt_at = view.first_unhealthy_after(began) if fault.benign or pain(view, began, view.now) >= HURT_FOR_S else None
    was_active = await fault.active(street)
    undone_at = time.time()
    await fault.clear(street)
    after = await street.visitors.wait_healthy(WELL_FOR_S, fault.well_within_s)
    still_active = await fault.active(street)
    return Proof(
        fault=fault.name,
        benign=fault.benign,
        hurt_after_s=None if hurt_at is None else hurt_at - began,
        reasons=view.reasons,
        pain_s=pain(after, began, undone_at),
        was_active=was_active,
        well_after_s=max(0.0, after.since - undone_at) if after.healthy_for() >= WELL_FOR_S else None,
        still_active=still_active,
        left_over=await restore(street),
    )


async def _hurt(street: Street, since: float, within_s: float) -> View:
    """The view once visitors were hurt for a while, not only for a moment, or when the time is over."""
    while True:
        view = await street.visitors.view()
        if pain(view, since, view.now) >= HURT_FOR_S or view.now - since > within_s:
            return view
        await asyncio.sleep(LOOK_EVERY_S)


def pain(view: View, since: float, until: float) -> float:
    """Seconds between two moments in which visitors were hurt, as far as remembered."""
    total, healthy, from_ = 0.0, True, since
    for at, now_healthy in (*view.turns, (until, True)):
        moment = min(max(at, since), until)
        if not healthy:
            total += moment - from_
        healthy, from_ = now_healthy, moment
    return total
