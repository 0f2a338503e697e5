"""Silences beside the journal."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.tables import silences
from akeso.domain.incident.silence import Silence


class SqlSilenceShelf:
    """Implements akeso.engine.silences.SilenceShelf."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, silence: Silence) -> None:
        values = {
            "id": silence.id,
            "tenant": silence.tenant,
            "until": silence.end,
            "definition": msgspec.to_builtins(silence),
        }

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(silences).values(values))

        await self._database.write(work)

    async def remove(self, silence: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(silences).where(silences.c.id == silence))

        await self._database.write(work)

    async def all(self) -> Sequence[Silence]:
        async with self._database.read() as connection:
            found = (await connection.execute(select(silences.c.definition))).scalars()
            return [msgspec.convert(each, Silence) for each in found]
