"""Brings the shop back to how it was opened, whatever a fault and a healer left of it."""

import signal
from collections.abc import Callable

from akeso.lab.faults.changes import is_good_configuration, is_good_release, settle
from akeso.lab.faults.fault import Site
from akeso.lab.faults.surroundings import ANALYST
from akeso.lab.shop.blueprint import FALLBACK_FLAG, SHOP, Blueprint
from akeso.lab.shop.running import exchange, signal_process
from akeso.lab.shop.supervision import Program
from akeso.lab.shop.versions import CURRENT, Versions


async def restore(site: Site) -> tuple[str, ...]:
    """Undo every trace; returns what had to be undone, for the record."""
    undone: list[str] = []
    await site.visitors.end_surge()
    await exchange("POST", f"{site.shop.facts.flags_url}/flags/{FALLBACK_FLAG}/off")
    await site.shop.supervisor.stop(ANALYST)
    programs = await site.shop.supervisor.programs()
    for blueprint in SHOP.services:
        mine = [program for program in programs if program.group == blueprint.name]
        undone += await _restore_service(site, blueprint, mine)
    return tuple(undone)


async def _restore_service(site: Site, blueprint: Blueprint, programs: list[Program]) -> list[str]:
    undone = []
    running = {program.name for program in programs if program.state in ("RUNNING", "STARTING")}
    for program in programs:
        if program.name in running:
            signal_process(program.pid, signal.SIGCONT)
    await site.shop.lift_conditions(blueprint.name)
    if blueprint.replaceable and _settle_artifacts(site, blueprint):
        undone.append(f"{blueprint.name}: version put right")
        await site.shop.restart(blueprint.name)
        running |= set(blueprint.default_names)
    for name in blueprint.default_names:
        if name not in running:
            undone.append(f"{name}: started")
            await site.shop.stop(blueprint.name, name)
            await site.shop.start(blueprint.name, name)
    surplus = sorted(running - set(blueprint.default_names))
    for name in surplus:
        undone.append(f"{name}: stopped")
        await site.shop.stop(blueprint.name, name)
    if surplus:
        await site.deployer.announce(blueprint.name, "scale", str(blueprint.instances))
    return undone


def _settle_artifacts(site: Site, blueprint: Blueprint) -> bool:
    """Let no link lead to a bad version; returns whether a running process has to start anew for it."""
    releases, configurations = site.shop.releases(blueprint.name), site.shop.configurations(blueprint.name)
    changed = False
    if not is_good_release(releases):
        _newest_good(releases, lambda: is_good_release(releases))
        changed = True
    if not is_good_configuration(blueprint.name, configurations):
        _newest_good(configurations, lambda: is_good_configuration(blueprint.name, configurations))
        changed = True
    settle(releases)
    settle(configurations)
    return changed


def _newest_good(versions: Versions, is_good: Callable[[], bool]) -> None:
    for name in reversed(versions.names()):
        versions.point(CURRENT, name)
        if is_good():
            return
