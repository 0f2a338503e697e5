"""Incident memory: rows in SQL, searched exactly in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sqlalchemy import Row as SqlRow
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.schema import prepare
from akeso.adapters.journals.tables import memory_chunks
from akeso.adapters.journals.wording import clean
from akeso.adapters.memory.index import MemoryIndex, Vector, placeless
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Recovery
from akeso.ports.embedder import Embedder

_KEY = (memory_chunks.c.tenant, memory_chunks.c.id)
_EMBEDDED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class SqlMemoryOptions:
    """How incidents are compared.

    text_weight: the share of the similarity that is in the words; the rest is in the signature.
    most: how many incidents are held in memory at the start, the newest; 512 dimensions of one take two kilobytes.
    """

    text_weight: float = 0.5
    most: int = 20_000


class SqlMemory:
    """Implements akeso.ports.memory.IncidentMemory. One process writes; what another remembers is seen after `open`."""

    def __init__(self, database: Database, embedder: Embedder, options: SqlMemoryOptions | None = None) -> None:
        self._database, self._embedder = database, embedder
        self._options = options or SqlMemoryOptions()
        self._index = MemoryIndex(embedder.dimensions)
        self._maker = f"{type(embedder).__name__}-{embedder.dimensions}"

    @classmethod
    async def open(cls, database: Database | str, embedder: Embedder, options: SqlMemoryOptions | None = None) -> Self:
        """database: the journal's (`SqlJournal.database`), or an address. Loads the newest; what of them another
        embedder embedded is embedded anew. Raises InvalidSettings and Unavailable as the journal does."""
        database = Database(database) if isinstance(database, str) else database
        await prepare(database)
        memory = cls(database, embedder, options)
        await memory._load()
        return memory

    async def remember(self, memory: Memory) -> None:
        await self.remember_all([memory])

    async def remember_all(self, memories: Sequence[Memory]) -> None:
        """Several at once."""
        if not memories:
            return
        vectors = await self._embedded([placeless(each.text, each.signature) for each in memories])
        await self._database.write(lambda connection: self._put(connection, memories, vectors))
        for memory, vector in zip(memories, vectors, strict=True):
            self._index.put(memory, vector)

    async def _put(self, connection: AsyncConnection, memories: Sequence[Memory], vectors: Vector) -> None:
        ids = [memory.id for memory in memories]
        told = select(*_KEY).where(memory_chunks.c.id.in_(ids))
        known = {(row.tenant, row.id) for row in await connection.execute(told)}
        fresh = []
        for memory, vector in zip(memories, vectors, strict=True):
            key = {"tenant": memory.tenant, "id": memory.id}
            values = {**_values(memory), "embedder": self._maker, "embedding": _bytes(vector)}
            if (memory.tenant, memory.id) in known:
                mine = (memory_chunks.c.tenant == memory.tenant, memory_chunks.c.id == memory.id)
                await connection.execute(update(memory_chunks).where(*mine).values(values))
            else:
                fresh.append({**key, **values})
        if fresh:
            await connection.execute(insert(memory_chunks), fresh)

    async def recall(self, tenant: str, text: str, signature: Sequence[str], limit: int = 5) -> Sequence[Recollection]:
        question = (text, (await self._embedded([placeless(text, signature)]))[0]) if text.strip() else None
        return self._index.nearest(tenant, question, signature, self._options.text_weight, limit)

    async def success(self, tenant: str, fault_class: str, action: str) -> tuple[int, int]:
        return self._index.success(tenant, fault_class, action)

    async def close(self) -> None:
        """Lets go of the database, shared or not; closing twice does nothing."""
        await self._database.close()

    async def _embedded(self, texts: Sequence[str]) -> Vector:
        # A model takes milliseconds a text, which the event loop does not have.
        return await asyncio.to_thread(self._embedder.embed, texts)

    async def _load(self) -> None:
        async with self._database.read() as connection:
            newest = select(memory_chunks).order_by(memory_chunks.c.at.desc(), *_KEY).limit(self._options.most)
            rows = list((await connection.execute(newest)).all())[::-1]
        strange = [row for row in rows if row.embedder != self._maker]
        vectors = {(r.tenant, r.id): np.frombuffer(r.embedding, "<f4") for r in rows if r.embedder == self._maker}
        for start in range(0, len(strange), _EMBEDDED_AT_ONCE):
            vectors.update(await self._embed_anew(strange[start : start + _EMBEDDED_AT_ONCE]))
        for row in rows:
            self._index.put(_memory(row), vectors[row.tenant, row.id])

    async def _embed_anew(self, rows: Sequence[SqlRow[*tuple[Any, ...]]]) -> dict[tuple[str, str], Vector]:
        made = await self._embedded([placeless(row.text, row.signature) for row in rows])
        fresh = {(row.tenant, row.id): vector for row, vector in zip(rows, made, strict=True)}

        async def work(connection: AsyncConnection) -> None:
            for (tenant, identity), vector in fresh.items():
                mine = (memory_chunks.c.tenant == tenant, memory_chunks.c.id == identity)
                values = {"embedder": self._maker, "embedding": _bytes(vector)}
                await connection.execute(update(memory_chunks).where(*mine).values(values))

        await self._database.write(work)
        return fresh


def _values(memory: Memory) -> dict[str, Any]:
    return {
        "incident": memory.incident,
        "at": memory.at,
        "service": clean(memory.service),
        "fault_class": clean(memory.fault_class),
        "signature": [clean(word) for word in memory.signature],
        "text": clean(memory.text),
        "action": clean(memory.action),
        "recovery": memory.recovery.value,
        "mttr_seconds": memory.mttr_seconds,
    }


def _memory(row: SqlRow[*tuple[Any, ...]]) -> Memory:
    return Memory(
        row.id, row.tenant, row.incident, row.at, row.service, row.fault_class, tuple(row.signature), row.text,
        row.action, Recovery(row.recovery), row.mttr_seconds,
    )  # fmt: skip


def _bytes(vector: Vector) -> bytes:
    return vector.astype("<f4", copy=False).tobytes()
