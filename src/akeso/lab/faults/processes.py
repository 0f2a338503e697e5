"""Faults of whole processes: killed, or stopped in the middle of their work."""

import signal
from random import Random

import psutil

from akeso.lab.faults.conditions import restart, restart_if
from akeso.lab.faults.fault import Fault, Injection, Parameters, Site
from akeso.lab.shop.running import signal_process

STOPPED, STUCK = "stopped", "stuck"


def _nothing(_random: Random, _target: str) -> Parameters:
    return {}


async def _kill(site: Site, injection: Injection) -> None:
    for program in await site.shop.supervisor.running(injection.target):
        signal_process(program.pid, signal.SIGKILL)


async def _is_down(site: Site, injection: Injection) -> bool:
    return not await site.shop.supervisor.running(injection.target)


def _draw_stall(random: Random, _target: str) -> Parameters:
    return {"how": random.choice((STOPPED, STUCK))}


async def _stall(site: Site, injection: Injection) -> None:
    if injection.parameters["how"] == STUCK:
        await site.shop.set_condition(injection.target, "stall", 1)
        return
    for program in await site.shop.supervisor.running(injection.target):
        signal_process(program.pid, signal.SIGSTOP)


async def _is_stalled(site: Site, injection: Injection) -> bool:
    if injection.parameters["how"] == STUCK:
        return await site.shop.has_condition(injection.target, "stall")
    running = await site.shop.supervisor.running(injection.target)
    return any(_is_stopped(program.pid) for program in running)


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


async def _resume(site: Site, injection: Injection) -> None:
    for program in await site.shop.supervisor.running(injection.target):
        signal_process(program.pid, signal.SIGCONT)
    await site.shop.lift_conditions(injection.target)


CRASH = Fault(
    name="crash",
    fault_class="crash",
    targets=("catalog", "recommendation", "cart", "checkout", "inventory", "payment", "pricing", "orders"),
    remedies=("restart",),
    draw=_nothing,
    inject=_kill,
    active=_is_down,
    remedy=restart,
    clear=restart_if(_is_down),
)
STALLED_WORKER = Fault(
    name="stalled_worker",
    fault_class="queue_backlog",
    targets=("fulfilment",),
    remedies=("restart", "redrive_queue"),
    draw=_draw_stall,
    inject=_stall,
    active=_is_stalled,
    remedy=restart,
    clear=_resume,
    remedy_targets=("fulfilment", "order-queue"),
)
