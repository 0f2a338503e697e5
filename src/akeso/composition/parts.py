"""Who stands behind each port of a running Akeso: what an installation has, or what somebody puts in its place."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from akeso.adapters.allocator import give_back
from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.local import LocalBus
from akeso.adapters.clocks.system import SystemClock
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.config.settings import Settings
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.ports.action import Action
from akeso.ports.bus import Bus
from akeso.ports.clock import Clock
from akeso.ports.telemetry_store import TelemetryStore

# What working a slot off took should not stay until the next one; giving it back takes milliseconds.
_TIDY_EVERY_S = 3.0


@dataclass(frozen=True, slots=True)
class Tables:
    """The process's own series: of raw telemetry, and of features."""

    ingest: SeriesTable
    features: SeriesTable


OpenBus: TypeAlias = Callable[[Settings, Tables], Bus]
OpenStore: TypeAlias = Callable[[Settings, SeriesTable], TelemetryStore]


@dataclass(frozen=True, slots=True)
class Parts:
    """Each is what makes the part from the settings. token: a word that nobody used before, of so many bytes, for the
    names of incidents and questions; tidy: runs beside the agents until it is cancelled."""

    clock: Clock
    token: Callable[[int], str]
    open_journal: Callable[[Settings], Awaitable[SqlJournal]]
    open_bus: OpenBus
    open_store: OpenStore
    make_actions: Callable[[Settings], dict[str, Action]]
    tidy: Callable[[], Coroutine[Any, Any, object]]


def installed() -> Parts:
    """The parts of an installation."""
    return Parts(SystemClock(), secrets.token_hex, open_journal, _bus, _store, make_actions, _tidy)


async def open_journal(settings: Settings) -> SqlJournal:
    """The journal of this installation."""
    return await SqlJournal.open(settings.journal_url)


def make_actions(settings: Settings) -> dict[str, Action]:
    """The installed actions."""
    return build("actions", settings.actions)


def _bus(settings: Settings, tables: Tables) -> Bus:
    if not settings.kafka:
        return LocalBus(settings.data / "bus.db")
    from akeso.adapters.buses.kafka import KafkaBus  # extra [kafka]

    return KafkaBus(settings.kafka, PayloadCodec(tables.ingest, tables.features))


def _store(settings: Settings, table: SeriesTable) -> TelemetryStore:
    return SqliteTelemetryStore(settings.data / "telemetry.db", table)


async def _tidy() -> None:
    """Gives memory back that was needed once: above all what reading the hot window took."""
    while True:
        await asyncio.sleep(_TIDY_EVERY_S)
        await asyncio.to_thread(give_back)
