"""Whoever changes the journal behind its back is found out, and the place is named."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.sql import JournalOptions, SqlJournal
from akeso.domain.errors import JournalCorrupt
from akeso.domain.incident.events import AnalysisStarted
from akeso.testing.journal import Scribe, raised

pytestmark = pytest.mark.xdist_group("postgresql")

LINES = 7


@pytest.fixture
def change(database_url: str) -> Callable[..., "Tampered"]:
    return lambda *statements: Tampered(database_url, statements)


class Tampered:
    """A journal of seven lines in which somebody ran statements; it is read three lines at a time."""

    def __init__(self, url: str, statements: tuple[str, ...]) -> None:
        self._url, self._statements = url, statements

    async def verify(self) -> int:
        journal = await SqlJournal.open(self._url, JournalOptions(batch=3))
        try:
            scribe = Scribe(journal, "one")
            await scribe.detect()
            for n in range(2, LINES + 1):
                await scribe.write(AnalysisStarted(f"person {n}"))
            await journal.database.write(self._tamper)
            return await journal.verify()
        finally:
            await journal.close()

    async def _tamper(self, connection: AsyncConnection) -> None:
        for statement in self._statements:
            await connection.execute(text(statement))


async def test_an_untouched_journal_holds(change: Callable[..., Tampered]) -> None:
    assert await change().verify() == LINES


@pytest.mark.parametrize("line", [1, 3, 4, LINES])
@pytest.mark.parametrize(
    "change_of",
    [
        "payload = replace(payload, '\"', '''')",
        "payload = payload || ' '",
        "at = replace(at, '00:00:00', '00:00:01')",
        "actor = 'eve'",
        "incident = 'two'",
        "kind = 'IncidentResolved'",
        "hash = replace(hash, substr(hash, 9, 1), 'x')",
        "previous_hash = replace(previous_hash, substr(previous_hash, 9, 1), 'x')",
    ],
)
async def test_a_changed_line_is_named(change: Callable[..., Tampered], line: int, change_of: str) -> None:
    corrupt = await raised(JournalCorrupt, change(f"UPDATE journal SET {change_of} WHERE sequence = {line}").verify())
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == line


@pytest.mark.parametrize("line", [1, 3, 4])
async def test_a_missing_line_is_named(change: Callable[..., Tampered], line: int) -> None:
    corrupt = await raised(JournalCorrupt, change(f"DELETE FROM journal WHERE sequence = {line}").verify())
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == line


@pytest.mark.parametrize("kept", [0, 3, 6])
async def test_a_cut_tail_is_named(change: Callable[..., Tampered], kept: int) -> None:
    corrupt = await raised(JournalCorrupt, change(f"DELETE FROM journal WHERE sequence > {kept}").verify())
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == kept + 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal_head",
        "UPDATE journal_head SET sequence = 3",
        "UPDATE journal_head SET hash = 'x'",
        "UPDATE journal SET sequence = 99 WHERE sequence = 7",
    ],
)
async def test_a_head_that_does_not_fit_is_found(change: Callable[..., Tampered], statement: str) -> None:
    corrupt = await raised(JournalCorrupt, change(statement).verify())
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == LINES


async def test_exchanged_lines_are_found(change: Callable[..., Tampered]) -> None:
    exchange = [
        f"UPDATE journal SET sequence = {new} WHERE sequence = {old}" for old, new in ((3, 99), (4, 3), (99, 4))
    ]
    corrupt = await raised(JournalCorrupt, change(*exchange).verify())
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == 3


@pytest.mark.parametrize("column", ["payload", "actor", "at", "hash", "incident"])
async def test_bytes_that_are_no_text_are_found(tmp_path: Path, column: str) -> None:
    journal = await SqlJournal.open(f"sqlite+aiosqlite:///{tmp_path / 'akeso.db'}")
    scribe = Scribe(journal, "one")
    await scribe.detect()
    await scribe.write(AnalysisStarted("eve"))
    await scribe.write(AnalysisStarted("eve"))
    with sqlite3.connect(tmp_path / "akeso.db") as connection:
        connection.execute(f"UPDATE journal SET {column} = CAST(x'ff' || {column} AS TEXT) WHERE sequence = 2")
    connection.close()
    corrupt = await raised(JournalCorrupt, journal.verify())
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == 2
    await journal.close()


async def test_a_line_that_cannot_be_read_is_not_returned(change: Callable[..., Tampered], database_url: str) -> None:
    await raised(JournalCorrupt, change("UPDATE journal SET payload = '{}', kind = 'Odd' WHERE sequence = 4").verify())
    journal = await SqlJournal.open(database_url)
    corrupt = await raised(JournalCorrupt, journal.entries("one"))
    assert isinstance(corrupt, JournalCorrupt)
    assert corrupt.sequence == 4
    await journal.close()
