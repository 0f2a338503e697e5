"""Migrations lead to the tables of this version and back to none."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.alert_ledger import SqlAlertLedger
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.incident_list import SqlIncidentList
from akeso.adapters.journals.schema import HEAD, migrate, version
from akeso.adapters.journals.search import PREFIX
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.journals.tables import metadata
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.alert_trace import AlertTrace, Fate
from akeso.domain.incident.person_events import IncidentAssigned
from akeso.ports.alert_ledger import AlertFilter
from akeso.ports.incident_list import IncidentFilter
from akeso.testing.journal import AT, Scribe, raised

pytestmark = pytest.mark.xdist_group("postgresql")


ALERT = Alert(
    "acme", "f1", "pager", "cart", "Paging cart", Severity.ERROR, AlertStatus.FIRING, AT, labels=(("team", "x"),)
)


def differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "include_name": lambda name, kind, _: kind != "table" or not _searches(name)}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def table_names(connection: Connection) -> set[str]:
    return {name for name in inspect(connection).get_table_names() if not _searches(name)}


def _searches(name: str | None) -> bool:
    """Whether it is an index for full-text search, which stands outside the metadata."""
    return (name or "").startswith(PREFIX)


async def test_an_empty_database_gets_the_tables_at_once(database_url: str) -> None:
    journal = await SqlJournal.open(database_url)
    async with journal.database.read() as connection:
        assert await connection.run_sync(version) == HEAD
        assert await connection.run_sync(differences) == []
    await journal.close()


async def test_the_migrations_lead_to_the_same_tables_and_back(database_url: str) -> None:
    database = Database(database_url)
    await database.write(lambda c: c.run_sync(migrate))
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(version) == HEAD
        assert await connection.run_sync(table_names) == {*metadata.tables, "alembic_version"}
    await database.write(lambda c: c.run_sync(migrate, "base"))
    async with database.read() as connection:
        assert await connection.run_sync(table_names) == {"alembic_version"}
    await database.close()


async def test_opening_a_database_of_an_older_version_migrates_it(database_url: str) -> None:
    database = Database(database_url)
    await database.write(lambda c: c.run_sync(migrate))
    await database.write(lambda c: c.run_sync(migrate, "base"))
    await database.close()
    journal = await SqlJournal.open(database_url)
    await Scribe(journal, "one").detect()
    assert await journal.verify() == 1
    await journal.close()


async def test_a_migration_makes_what_older_versions_wrote_findable(database_url: str) -> None:
    journal = await SqlJournal.open(database_url)
    old, new = Scribe(journal, "old"), Scribe(journal, "new")
    await old.detect()
    await new.detect()
    await old.write(IncidentAssigned("ann", "ann"))
    await SqlAlertLedger(journal.database).note(AlertTrace(ALERT, Fate.OPENED, "", "old", AT, AT))
    await journal.database.write(lambda c: c.run_sync(migrate, "0003"))
    await journal.close()
    journal = await SqlJournal.open(database_url)
    (found,) = await SqlIncidentList(journal.database).page(IncidentFilter("acme", owners=("ann",), text="slow"))
    assert (found.id, found.number, found.owner) == ("old", 1, "ann")
    (trace,) = await SqlAlertLedger(journal.database).traces(AlertFilter("acme", text="pag", labels=(("team", "x"),)))
    assert trace.alert == ALERT
    await journal.close()


async def test_what_was_written_outlives_opening_it_again(database_url: str) -> None:
    for lines in (1, 2, 3):
        journal = await SqlJournal.open(database_url)
        await Scribe(journal, f"i{lines}").detect()
        assert await journal.verify() == lines
        await journal.close()


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    journal = await SqlJournal.open(database_url)

    async def newer(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await journal.database.write(newer)
    await journal.close()
    assert "newer" in str(await raised(InvalidSettings, SqlJournal.open(database_url)))


async def test_processes_that_start_together_make_the_tables_once(database_url: str) -> None:
    journals = await asyncio.gather(*(SqlJournal.open(database_url) for _ in range(6)))
    await asyncio.gather(*(Scribe(journal, f"i{n}").detect() for n, journal in enumerate(journals)))
    assert await journals[0].verify() == 6
    await asyncio.gather(*(journal.close() for journal in journals))


@pytest.mark.parametrize("url", ["mysql://localhost/akeso", "nonsense", "oracle+x://y"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    await raised(InvalidSettings, SqlJournal.open(url))
