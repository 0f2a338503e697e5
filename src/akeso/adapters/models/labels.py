"""Ground truth on decisions as rows beside the journal."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.tables import decision_labels as t
from akeso.adapters.journals.wording import clean
from akeso.domain.messages import Feedback


class SqlLabelStore:
    """Implements akeso.ports.labels.LabelStore on the journal's database, which others close."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, label: Feedback) -> None:
        key = {"tenant": clean(label.tenant), "service": clean(label.service), "at": label.at,
               "given_by": clean(label.by)}  # fmt: skip

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(t).where(*(t.c[name] == value for name, value in key.items())))
            row = {**key, "anomalous": label.anomalous, "predicted": label.predicted}
            await connection.execute(insert(t).values(row))

        await self._database.write(work)

    async def recent(self, limit: int = 1000) -> Sequence[Feedback]:
        columns = (t.c.tenant, t.c.service, t.c.at, t.c.anomalous, t.c.predicted, t.c.given_by)
        newest = select(*columns).order_by(t.c.at.desc(), t.c.tenant, t.c.service).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(newest)).all()
        return [Feedback(*row) for row in reversed(rows)]
