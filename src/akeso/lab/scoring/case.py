"""Runs one case: inject, watch visitors and Akeso, put everything right again."""

import asyncio
import time
from dataclasses import dataclass
from random import Random

from akeso.lab.errors import LabError
from akeso.lab.faults.fault import Fault, Injection, Site
from akeso.lab.faults.restore import restore
from akeso.lab.scoring.akeso_client import AkesoClient, Incident
from akeso.lab.scoring.report import Case, Seen

LOOK_EVERY_S = 0.5
GIVEN_UP_AFTER_S = 60.0
HEALTHY_FOR_S = 4.0
TERMINAL_WITHIN_S = 12.0
THROUGH_WITHIN_S = 40.0
APART_S = 10.0
CALM_FOR_S = 3.0
CALM_WITHIN_S = 25.0
LONGEST_DELAY_S = 2.0
PREVENTED_MARGIN_S = 6.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where cases run."""

    site: Site
    akeso: AkesoClient


async def run_case(bench: Bench, fault: Fault, seed: int, repeat: int) -> Case:
    """One injection from the seed, and what came of it."""
    injection = fault.drawn(seed, repeat)
    await _through(bench)
    await bench.site.visitors.wait_healthy(CALM_FOR_S, CALM_WITHIN_S)
    await asyncio.sleep(Random(f"{seed}/{fault.name}/{repeat}/delay").uniform(0.0, LONGEST_DELAY_S))
    injected_at = time.time()
    injecting = asyncio.ensure_future(fault.inject(bench.site, injection))
    try:
        hurt_at, healed_at = await _watch(bench, fault, injection, injected_at)
        incidents = await _settled(bench, injected_at)
        error = await _ended(injecting)
    finally:
        injecting.cancel()
    await fault.clear(bench.site, injection)
    restored = await restore(bench.site)
    seen = Seen(injected_at, hurt_at, healed_at, error)
    return Case(fault, injection, repeat, seen, incidents, restored)


async def _watch(
    bench: Bench, fault: Fault, injection: Injection, injected_at: float
) -> tuple[float | None, float | None]:
    """When visitors were first hurt, and when they were well again for good. None for what did not happen.

    A fault that is gone before it hurt anybody counts as healed when that is seen. One that has not had its time to
    hurt is not over because visitors are well again: a passing spike was not its harm.
    """
    while time.time() - injected_at < GIVEN_UP_AFTER_S:
        await asyncio.sleep(LOOK_EVERY_S)
        view = await bench.site.visitors.view()
        hurt_at = view.first_unhealthy_after(injected_at)
        well = hurt_at is not None and view.healthy_for() >= HEALTHY_FOR_S
        overdue = time.time() - injected_at > fault.hurts_within_s + PREVENTED_MARGIN_S
        if well and (overdue or not await fault.active(bench.site, injection)):
            return hurt_at, view.since
        if hurt_at is None and overdue and not await fault.active(bench.site, injection):
            return None, time.time()
    return (await bench.site.visitors.view()).first_unhealthy_after(injected_at), None


async def _through(bench: Bench) -> None:
    """Akeso is through with what was before and has left it behind, or had its time: cases are to stand for themselves,
    and in the seconds after an incident Akeso is slower to open another beside it, on purpose."""
    deadline = time.monotonic() + THROUGH_WITHIN_S
    while time.monotonic() < deadline:
        incidents = await bench.akeso.incidents(0.0)
        ended = max((incident.ended_at or time.time() for incident in incidents), default=0.0)
        if all(incident.terminal for incident in incidents) and time.time() - ended >= APART_S:
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _settled(bench: Bench, since: float) -> tuple[Incident, ...]:
    """The incidents since the injection, once Akeso is through with them or has had its time."""
    deadline = time.monotonic() + TERMINAL_WITHIN_S
    while True:
        incidents = await bench.akeso.incidents(since)
        if all(incident.terminal for incident in incidents) or time.monotonic() > deadline:
            return incidents
        await asyncio.sleep(LOOK_EVERY_S)


async def _ended(injecting: "asyncio.Future[None]") -> str | None:
    """Why the injection did not come to its own end, if it did not: a healer may have been faster."""
    if not injecting.done():
        return "the injection was still under way when the case ended"
    try:
        injecting.result()
    except LabError as exc:
        return f"{type(exc).__name__}: {exc}"
    return None
