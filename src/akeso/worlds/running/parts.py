"""The parts of an Akeso that lives in virtual time: nothing of them waits, and nothing of them is drawn by chance."""

import asyncio
from collections.abc import Callable
from itertools import count

from akeso.adapters.buses.local import LocalBus
from akeso.adapters.journals.database import DatabaseOptions
from akeso.adapters.journals.sql import JournalOptions, SqlJournal
from akeso.adapters.telemetry.memory import MemoryTelemetryStore
from akeso.composition.parts import Parts, Tables, make_actions
from akeso.config.settings import Settings
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.action import Action
from akeso.ports.clock import Clock
from akeso.worlds.running.effects import Acting, acting_in


def virtual(clock: Clock, world: Acting) -> Parts:
    """What stands behind the ports beside a world: memory instead of disks, names that are counted, and effects that
    act in the world."""

    def actions(settings: Settings) -> dict[str, Action]:
        return acting_in(world, make_actions(settings))

    return Parts(clock, _counted(), _journal, _bus, _store, actions, asyncio.Event().wait)


def _counted() -> Callable[[int], str]:
    numbers = count(1)
    return lambda size: f"{next(numbers):0{2 * size}x}"


async def _journal(settings: Settings) -> SqlJournal:
    return await SqlJournal.open(settings.journal_url, JournalOptions(database=DatabaseOptions(at_once=True)))


def _bus(settings: Settings, tables: Tables) -> LocalBus:
    del settings, tables
    return LocalBus()


def _store(settings: Settings, table: SeriesTable) -> MemoryTelemetryStore:
    del settings
    return MemoryTelemetryStore(table)
