"""Brings the street back to how it was brought up, whatever a fault and a healer left of it."""

import signal

from akeso.lab.street.faults.changes import (
    release_is_good,
    renew,
    revert_configuration,
    roll_back,
    settings_are_good,
)
from akeso.lab.street.faults.machine import make_room, unthrottle, widen
from akeso.lab.street.stack.certificates import GOOD, in_use
from akeso.lab.street.stack.people import ANALYST, BACKUP, REPORT
from akeso.lab.street.stack.services import SERVICES
from akeso.lab.street.stack.signals import signal_tree
from akeso.lab.street.stack.street import Street


async def restore(street: Street) -> tuple[str, ...]:
    """Undo every trace; returns what had to be undone, for the record."""
    await street.visitors.end_surge()
    undone = await _end_people(street)
    if street.facts.own_network:
        await widen(street)
    await unthrottle(street)
    if street.facts.own_mounts:
        await make_room(street)
    if not in_use(street.folder, GOOD):
        undone.append("certificate: renewed")
        await renew(street)
    undone += await _start_missing(street)
    return tuple(undone + await _put_versions_right(street))


async def _end_people(street: Street) -> list[str]:
    ended = [person for person in (ANALYST, REPORT, BACKUP) if not await street.is_down(person)]
    for person in ended:
        await street.stop(person)
    return [f"{person}: sent home" for person in ended]


async def _start_missing(street: Street) -> list[str]:
    started = []
    usual = street.usual_programs()
    for program in await street.supervisor.programs():
        signal_tree(program.pid, signal.SIGCONT)
        if program.full_name in usual and program.state not in ("RUNNING", "STARTING"):
            await street.supervisor.start(program.full_name)
            started.append(f"{program.name}: started")
    return started


async def _put_versions_right(street: Street) -> list[str]:
    righted = []
    for service in SERVICES:
        if not release_is_good(street, service):
            await roll_back(street, service)
            righted.append(f"{service}: release put right")
        if not settings_are_good(street, service):
            await revert_configuration(street, service)
            righted.append(f"{service}: settings put right")
    return righted
