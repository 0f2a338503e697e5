"""One SQL database, SQLite or PostgreSQL: readers side by side, writers one at a time, failures as Unavailable."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event, exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from akeso.adapters.journals import at_once
from akeso.domain.errors import InvalidSettings, Unavailable

T = TypeVar("T")

# Of statements that should never have been sent: not the database's fault, and no use to send again.
_DEFECTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
_DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}
_WRITERS_TURN = text("SELECT pg_advisory_xact_lock(7305812291)")  # a number of Akeso's own


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """How a database is waited for.

    patience: how long a writer waits for another process.
    connecting: how long PostgreSQL may take to answer.
    at_once: SQLite works on the caller's thread, for event loops whose time is virtual; nothing is synced to disk then.
    """

    patience: timedelta = timedelta(seconds=5)
    connecting: timedelta = timedelta(seconds=5)
    at_once: bool = False


class Database:
    """Raises InvalidSettings for an address that is none; all else raises Unavailable while the database is away."""

    def __init__(self, url: str, options: DatabaseOptions | None = None) -> None:
        options = options or DatabaseOptions()
        address = _address(url)
        self.dialect = address.get_backend_name()
        self._failures = _failures(self.dialect)
        self._engine = _sqlite(address, options) if self.dialect == "sqlite" else _postgresql(address, options)
        self._writer = self._engine.execution_options(writes=True)
        self._turn = asyncio.Lock()
        self._writes: set[asyncio.Task[Any]] = set()
        self._closed = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which everything read is of one moment."""
        self._check_open()
        with self._answering():
            async with self._engine.connect() as connection:
                if self.dialect == "postgresql":
                    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
                yield connection

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `work` in a transaction that no other writer, of this process or another, overlaps. Durable when it
        returns. A caller that is cancelled leaves; the transaction is finished all the same."""
        self._check_open()
        task = asyncio.ensure_future(self._transaction(work))
        self._writes.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Finish what is being written and let go of the database. Closing twice does nothing."""
        self._closed = True
        await asyncio.gather(*self._writes, return_exceptions=True)
        await self._engine.dispose()

    async def _transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        with self._answering():
            async with self._turn, self._writer.begin() as connection:
                if self.dialect == "postgresql":
                    await connection.execute(_WRITERS_TURN)
                return await work(connection)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # looked at here, because a cancelled caller never will

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the database is closed")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except _DEFECTS:
            raise
        except self._failures as failure:
            raise Unavailable(f"the database does not answer: {failure}") from failure


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except exc.ArgumentError as bad:
        raise InvalidSettings("journal", f"{url!r} is no database address") from bad
    driver = _DRIVERS.get(address.get_backend_name())
    if driver is None:
        raise InvalidSettings("journal", f"{address.get_backend_name()} is not supported; there are sqlite, postgresql")
    return address.set(drivername=f"{address.get_backend_name()}+{driver}")


def _failures(dialect: str) -> tuple[type[Exception], ...]:
    failures = (exc.DBAPIError, exc.TimeoutError, OSError)
    if dialect != "postgresql":
        return failures
    import asyncpg  # an optional extra; while it connects, its errors arrive unwrapped

    return (*failures, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InterfaceError,
            asyncpg.InsufficientResourcesError)  # fmt: skip


def _postgresql(address: URL, options: DatabaseOptions) -> AsyncEngine:
    waiting = {"lock_timeout": str(int(options.patience.total_seconds() * 1000)), "application_name": "akeso"}
    arguments = {"timeout": options.connecting.total_seconds(), "server_settings": waiting}
    return create_async_engine(address, connect_args=arguments, pool_pre_ping=True)


def _sqlite(address: URL, options: DatabaseOptions) -> AsyncEngine:
    # None: the driver begins no transaction of its own; ours begins as the writer, so that it never fails half-way.
    arguments = {"timeout": options.patience.total_seconds(), "isolation_level": None}
    # A statement that the driver remembers keeps the values it was last given: those of a model are megabytes.
    arguments["cached_statements"] = 0
    place: dict[str, Any] = {"connect_args": arguments}
    if options.at_once:
        place = {"async_creator": lambda: at_once.connect(address.database or ":memory:", arguments)}
    if address.database in {None, "", ":memory:"}:
        engine = create_async_engine(address, poolclass=StaticPool, **place)
    else:
        _openable(Path(str(address.database)))
        engine = create_async_engine(address, **place)
    event.listen(engine.sync_engine, "connect", partial(_opened, durable=not options.at_once))
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _openable(file: Path) -> None:
    # Asked here, because the driver's thread outlives a connection that could not be opened, and then its event loop.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sqlite3.connect(file).close()
    except (sqlite3.Error, OSError) as bad:
        raise Unavailable(f"the database cannot be opened: {file}: {bad}") from bad


def _opened(connection: Any, _: ConnectionPoolEntry, *, durable: bool) -> None:
    # Bytes that are no text must reach the check of the hash chain instead of failing in the driver.
    connection.driver_connection.text_factory = _lenient
    try:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", f"synchronous={'FULL' if durable else 'OFF'}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except BaseException:
        # The pool would only drop it, and its thread would outlive the event loop.
        connection.close()
        raise


def _lenient(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
