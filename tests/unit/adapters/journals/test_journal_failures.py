"""A database that does not answer is Unavailable; what was half written never was."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from akeso.adapters.journals.database import DatabaseOptions
from akeso.adapters.journals.sql import JournalOptions, SqlJournal
from akeso.domain.errors import Unavailable
from akeso.domain.incident.events import AnalysisStarted, Entry
from akeso.domain.incident.evolution import evolve
from akeso.ports.journal import Draft
from akeso.testing.journal import AT, Scribe, raised

pytestmark = pytest.mark.xdist_group("postgresql")

IMPATIENT = JournalOptions(database=DatabaseOptions(timedelta(milliseconds=50), timedelta(seconds=1)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "akeso.db"


async def opened(file: Path) -> SqlJournal:
    return await SqlJournal.open(f"sqlite+aiosqlite:///{file}", IMPATIENT)


async def test_a_locked_database_is_unavailable_until_it_is_not(file: Path) -> None:
    journal = await opened(file)
    scribe = Scribe(journal, "one")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await raised(Unavailable, scribe.detect())
        assert await journal.verify() == 0  # readers do not wait for a writer
        other.execute("ROLLBACK")
    await scribe.detect()
    assert await journal.verify() == 1
    await journal.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "akeso.db").write_bytes(b"not a database" * 1000)
    assert "not a database" in str(await raised(Unavailable, opened(tmp_path / "akeso.db")))


async def test_a_folder_in_the_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    await raised(Unavailable, opened(tmp_path))


async def test_a_failing_projection_takes_the_line_with_it(file: Path) -> None:
    journal = await opened(file)
    scribe = Scribe(journal, "one")
    await scribe.detect()
    with closing(sqlite3.connect(file)) as other:
        other.execute("ALTER TABLE incidents RENAME TO hidden")
        other.commit()
        await raised(Unavailable, scribe.write(AnalysisStarted()))
        other.execute("ALTER TABLE hidden RENAME TO incidents")
        other.commit()
    assert await journal.verify() == 1
    await scribe.write(AnalysisStarted())
    assert await journal.verify() == 2
    await journal.close()


async def test_a_cancelled_writer_leaves_no_half_line(database_url: str) -> None:
    journal = await SqlJournal.open(database_url)
    scribe = Scribe(journal, "one")
    await scribe.detect()
    assert scribe.state is not None
    for place in range(30):
        event = AnalysisStarted(str(place))
        written = await journal.entries("one")
        expected = written[-1].sequence
        state = evolve(scribe.state, Entry(expected + 1, "one", AT, "a", event))
        task = asyncio.ensure_future(journal.append(Draft("one", event, "a", AT, expected, replace(state))))
        await asyncio.sleep(place / 10_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await Scribe(journal, f"other-{place}").detect()  # the next writer is not kept waiting
    await journal.verify()
    assert len(await journal.audit(limit=1000)) == await journal.verify()
    await journal.close()


async def test_closing_waits_for_what_is_being_written(file: Path) -> None:
    journal = await opened(file)
    task = asyncio.ensure_future(Scribe(journal, "one").detect())
    await asyncio.sleep(0)
    await journal.close()
    await task
    again = await opened(file)
    assert await again.verify() == 1
    await again.close()
