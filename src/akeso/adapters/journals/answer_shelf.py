"""Answers to requests with an Idempotency-Key, beside the journal."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.tables import kept_answers as t
from akeso.engine.kept_answers import KEPT_FOR, KeptAnswer


class SqlAnswerShelf:
    """Implements akeso.engine.kept_answers.AnswerShelf."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str, since: datetime) -> KeptAnswer | None:
        chosen = select(t.c.asked, t.c.status, t.c.body, t.c.headers).where(t.c.key == key, t.c.at >= since)
        async with self._database.read() as connection:
            found = (await connection.execute(chosen)).one_or_none()
        return None if found is None else KeptAnswer(found.asked, found.status, found.body, found.headers)

    async def keep(self, key: str, answer: KeptAnswer, at: datetime) -> None:
        values = {
            "key": key, "at": at, "asked": answer.asked, "status": answer.status, "body": answer.body,
            "headers": dict(answer.headers),
        }  # fmt: skip

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(t).where((t.c.key == key) | (t.c.at < at - KEPT_FOR)))
            await connection.execute(insert(t).values(values))

        await self._database.write(work)
