"""Brings a database to the tables of this version: a new one at once, an older one through its migrations."""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from akeso.adapters.journals import search
from akeso.adapters.journals.database import Database
from akeso.adapters.journals.refill import refill
from akeso.adapters.journals.tables import metadata
from akeso.domain.errors import InvalidSettings

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0005"


async def prepare(database: Database) -> None:
    """Create or migrate. Raises InvalidSettings when a newer Akeso wrote the database."""
    async with database.read() as connection:
        if await connection.run_sync(version) == HEAD:
            return
    await database.write(_brought_up)


def version(connection: Connection) -> str | None:
    """The revision of the tables; None for a database without."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(connection: Connection, revision: str = HEAD) -> None:
    """Run the migrations from the present revision to `revision` ("base" for none), up or down."""
    # Alembic takes as long to import as all else here, and a database that is up to date does not need it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        if revision == "base":
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)
    except CommandError as unknown:
        raise InvalidSettings("journal", f"the database was written by a newer Akeso: {unknown}") from unknown


async def _brought_up(connection: AsyncConnection) -> None:
    if await connection.run_sync(_prepare):
        await refill(connection)


def _prepare(connection: Connection) -> bool:
    """Whether there was anything to migrate."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        metadata.create_all(connection)
        search.create(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    elif version(connection) != HEAD:  # asked again, now that no other process can be at it
        migrate(connection)
        return True
    return False
