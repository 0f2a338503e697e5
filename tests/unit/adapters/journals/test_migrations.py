"""Migrations lead to the tables of this version and back to none."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.schema import HEAD, migrate, version
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.journals.tables import metadata
from akeso.domain.errors import InvalidSettings
from akeso.testing.journal import Scribe, raised

pytestmark = pytest.mark.xdist_group("postgresql")


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


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
