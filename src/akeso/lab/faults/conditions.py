"""Faults that live in a process's memory: latency, a busy CPU, leaks, held connections, floods of debug output."""

from dataclasses import replace
from random import Random

from akeso.lab.faults.fault import Draw, Effect, Fault, Injection, Parameters, Probe, Site


def _between(low: float, high: float) -> Draw:
    def draw(random: Random, _target: str) -> Parameters:
        return {"strength": round(random.uniform(low, high), 1)}

    return draw


def _inject(condition: str) -> Effect:
    async def inject(site: Site, injection: Injection) -> None:
        await site.shop.set_condition(injection.target, condition, injection.parameters["strength"])

    return inject


def _active(condition: str) -> Probe:
    async def active(site: Site, injection: Injection) -> bool:
        return await site.shop.has_condition(injection.target, condition)

    return active


async def restart(site: Site, injection: Injection) -> None:
    """Restart the target's processes."""
    await site.shop.restart(injection.target)


async def lift(site: Site, injection: Injection) -> None:
    """Take the condition back without a restart."""
    await site.shop.lift_conditions(injection.target)


def restart_if(active: Probe) -> Effect:
    """Restart the target's processes while the fault is there, and leave them alone when it is not."""

    async def clear(site: Site, injection: Injection) -> None:
        if await active(site, injection):
            await restart(site, injection)

    return clear


def _fault(name: str, fault_class: str, targets: tuple[str, ...], condition: str, draw: Draw) -> Fault:
    return Fault(
        name=name,
        fault_class=fault_class,
        targets=targets,
        remedies=("restart",),
        draw=draw,
        inject=_inject(condition),
        active=_active(condition),
        remedy=restart,
        # What a leak or a burnt-out pool leaves behind ends only with the process.
        clear=restart_if(_active(condition)) if condition in ("leak", "connections") else lift,
        hurts_within_s=10.0 if condition == "leak" else 6.0,
    )


LATENCY_LEAF = _fault(
    "latency_leaf",
    "latency_degradation",
    ("inventory", "pricing", "recommendation", "cart"),
    "latency",
    _between(300, 600),
)
LATENCY_MIDDLE = _fault(
    "latency_middle",
    "latency_degradation",
    ("catalog", "checkout", "payment", "orders"),
    "latency",
    _between(300, 600),
)
CPU_HOG = _fault(
    "cpu_hog", "cpu_saturation", ("catalog", "recommendation", "pricing", "inventory"), "busy", _between(6, 8)
)
MEMORY_LEAK = _fault(
    "memory_leak", "memory_leak", ("catalog", "recommendation", "cart", "pricing"), "leak", _between(16, 24)
)
POOL_EXHAUSTION = _fault(
    "pool_exhaustion", "connection_pool_exhaustion", ("inventory", "orders"), "connections", _between(1, 1)
)

LOG_FLOOD = replace(
    _fault("log_flood", "log_flood", ("recommendation", "cart", "pricing"), "verbose", _between(110, 130)),
    remedies=("restart", "revert_configuration"),
)
