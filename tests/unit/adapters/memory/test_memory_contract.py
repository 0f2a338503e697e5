"""Every memory and every embedder keeps its contract."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.journals.tables import memory_chunks
from akeso.adapters.memory.sql import SqlMemory, SqlMemoryOptions
from akeso.domain.errors import Unavailable
from akeso.ports.embedder import Embedder
from akeso.ports.memory import IncidentMemory
from akeso.testing.journal import Scribe, raised
from akeso.testing.memory import EmbedderContract, FakeMemory, MemoryContract, OpenMemory, sample_memory

pytestmark = pytest.mark.xdist_group("postgresql")


class TestFakeMemory(MemoryContract):
    @pytest.fixture
    def open_memory(self) -> OpenMemory:
        memory = FakeMemory()

        async def again() -> IncidentMemory:
            return memory

        return again


class TestSqlMemory(MemoryContract):
    @pytest.fixture
    async def open_memory(self, database_url: str) -> AsyncIterator[OpenMemory]:
        databases: list[Database] = []

        async def again() -> IncidentMemory:
            databases.append(Database(database_url))
            return await SqlMemory.open(databases[-1], HashedEmbedder())

        yield again
        for database in databases:
            await database.close()


class TestHashedEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return HashedEmbedder()


class LengthEmbedder:
    """Two dimensions: how long a text is, and how long it is not."""

    dimensions = 2

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        angles = np.array([len(text) / 100 for text in texts])
        return np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)


async def test_it_shares_the_database_of_the_journal(database_url: str) -> None:
    journal = await SqlJournal.open(database_url)
    memory = await SqlMemory.open(journal.database, HashedEmbedder())
    await memory.remember(sample_memory())
    await Scribe(journal, "one").detect()
    assert await journal.verify() == 1
    await journal.close()
    await raised(Unavailable, memory.remember(sample_memory()))


async def test_another_embedder_embeds_anew(database_url: str) -> None:
    before = await SqlMemory.open(database_url, HashedEmbedder())
    await before.remember(sample_memory())
    await before.close()
    after = await SqlMemory.open(database_url, LengthEmbedder())
    (found,) = await after.recall("acme", sample_memory().text, sample_memory().signature)
    assert found.similarity == pytest.approx(1.0)
    await after.close()
    database = Database(database_url)
    async with database.read() as connection:
        chosen = select(memory_chunks.c.embedder, memory_chunks.c.embedding)
        assert [(e, len(v)) for e, v in (await connection.execute(chosen)).all()] == [("LengthEmbedder-2", 8)]
    await database.close()


async def test_a_memory_that_could_not_be_written_is_not_remembered(database_url: str) -> None:
    memory = await SqlMemory.open(database_url, HashedEmbedder())
    await memory.close()
    await raised(Unavailable, memory.remember(sample_memory()))
    assert list(await memory.recall("acme", sample_memory().text, ())) == []


@pytest.mark.parametrize(("weight", "first"), [(0.9, "text"), (0.1, "signs")])
async def test_the_weight_says_what_counts_more(database_url: str, weight: float, first: str) -> None:
    memory = await SqlMemory.open(database_url, HashedEmbedder(), SqlMemoryOptions(weight))
    await memory.remember(sample_memory("text", signature=("db:locks",)))
    await memory.remember(sample_memory("signs", text="certificate expired"))
    found = await memory.recall("acme", sample_memory().text, sample_memory().signature)
    assert found[0].memory.id == first
    await memory.close()


async def test_many_memories_are_kept_apart(database_url: str) -> None:
    memory = await SqlMemory.open(database_url, HashedEmbedder())
    for n in range(40):
        await memory.remember(sample_memory(f"m{n}", text=f"unit {chr(97 + n % 26) * 5}", signature=(f"s{n}:cpu",)))
    for n in (0, 17, 39):
        assert (await memory.recall("acme", "", (f"s{n}:cpu",)))[0].memory.id == f"m{n}"
    await memory.close()


def test_numbers_say_nothing_but_that_they_are_there() -> None:
    one, other = HashedEmbedder().embed(["request 4711 took 900 ms", "request 12 took 7 ms"])
    assert one @ other == pytest.approx(1.0)


def test_a_vector_is_the_same_in_every_process() -> None:
    vector = HashedEmbedder(64).embed(["queue"])[0]
    assert np.flatnonzero(vector).tolist() == [6, 9, 15, 17, 29, 31, 32, 33, 34, 35, 46, 56, 61]
