"""Every journal keeps the one contract."""

from collections.abc import Awaitable, Callable

import pytest

from akeso.adapters.journals.sql import SqlJournal
from akeso.ports.journal import Journal
from akeso.testing.journal import JournalContract, MemoryJournal, OpenJournal, Scribe

pytestmark = pytest.mark.xdist_group("postgresql")


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def open_journal(self) -> OpenJournal:
        journal = MemoryJournal()

        async def reopen() -> Journal:
            return journal.reopened()

        return reopen


class TestSqlJournals(JournalContract):
    @pytest.fixture
    def open_journal(self, database_url: str) -> Callable[[], Awaitable[Journal]]:
        return lambda: SqlJournal.open(database_url)


async def test_a_journal_can_live_in_memory_alone() -> None:
    journal = await SqlJournal.open("sqlite+aiosqlite:///:memory:")
    await Scribe(journal, "one").detect()
    assert await journal.verify() == 1
    await journal.close()
