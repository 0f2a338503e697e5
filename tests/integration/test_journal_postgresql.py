"""The journal and a PostgreSQL server that goes away and comes back."""

import asyncio

import pytest

from akeso.adapters.journals.sql import SqlJournal
from akeso.domain.errors import Unavailable
from akeso.domain.incident.events import AnalysisStarted
from akeso.testing.journal import Scribe, raised
from akeso.testing.servers.postgresql_server import PostgreSQL

pytestmark = [pytest.mark.xdist_group("postgresql"), pytest.mark.integration]


async def test_a_server_that_restarts_costs_only_the_calls_while_it_is_away(
    postgresql: PostgreSQL, postgresql_url: str
) -> None:
    journal = await SqlJournal.open(postgresql_url)
    scribe = Scribe(journal, "one")
    await scribe.detect()
    await asyncio.to_thread(postgresql.stop, "fast")
    try:
        await raised(Unavailable, scribe.write(AnalysisStarted("a")))
        await raised(Unavailable, journal.entries("one"))
        await raised(Unavailable, SqlJournal.open(postgresql_url))
    finally:
        await asyncio.to_thread(postgresql.start)
    await scribe.write(AnalysisStarted("b"))
    assert [entry.sequence for entry in await journal.entries("one")] == [1, 2]
    assert await journal.verify() == 2
    await journal.close()


async def test_a_database_that_does_not_exist_is_unavailable(postgresql_url: str) -> None:
    await raised(Unavailable, SqlJournal.open(postgresql_url.replace("/akeso_", "/absent_")))
