"""PostgreSQL for a service: a bounded pool whose use is measured, statements with spans and durations."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Self

import asyncpg
from opentelemetry.trace import SpanKind, Status, StatusCode

from akeso.lab.chassis.instruments import Instruments
from akeso.lab.chassis.telemetry import Telemetry
from akeso.lab.errors import DatabaseFailed, PoolTimedOut, RequestFailed

PEER = "shop-db"
ACQUIRE_TIMEOUT_S = 1.0
STATEMENT_TIMEOUT_S = 1.8
CONNECT_WITHIN_S = 15.0
POOL = {"db.client.connection.pool.name": PEER}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and what it is called in telemetry."""

    operation: str
    table: str
    text: str


class Database:
    """A pool of at most `size` connections. Statements raise PoolTimedOut or DatabaseFailed."""

    def __init__(self, pool: "asyncpg.Pool[Any]", size: int, telemetry: Telemetry, instruments: Instruments) -> None:
        self._pool = pool
        self._tracer = telemetry.tracer
        self._durations = instruments.database_duration
        self._size = size
        self._used = 0
        self._pending = 0
        self._held: list[Any] = []
        instruments.count("db.client.connection.count", "{connection}", self._count_connections)
        instruments.count("db.client.connection.max", "{connection}", lambda: [(size, dict(POOL))])
        instruments.count("db.client.connection.pending_requests", "{request}", lambda: [(self._pending, dict(POOL))])

    @classmethod
    async def open(cls, dsn: str, size: int, telemetry: Telemetry, instruments: Instruments) -> Self:
        """Connect, waiting for a server that is still starting; raises DatabaseFailed when none comes up."""
        deadline = time.monotonic() + CONNECT_WITHIN_S
        while True:
            try:
                pool = await asyncpg.create_pool(
                    dsn,
                    min_size=min(2, size),
                    max_size=size,
                    command_timeout=STATEMENT_TIMEOUT_S,
                    max_inactive_connection_lifetime=0,
                    server_settings={"application_name": telemetry.service},
                )
                return cls(pool, size, telemetry, instruments)
            except (OSError, asyncpg.PostgresError) as exc:
                if time.monotonic() > deadline:
                    raise DatabaseFailed(f"the database did not come up: {exc}") from exc
                await asyncio.sleep(0.1)

    async def rows(self, statement: Statement, *arguments: Any) -> list[Any]:
        """Run a statement and return its rows."""
        name = f"{statement.operation} {statement.table}"
        attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": statement.operation,
            "db.collection.name": statement.table,
            "server.address": PEER,
        }
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT,
            attributes={**attributes, "peer.service": PEER, "db.query.text": statement.text},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                return await self._run(statement.text, arguments)
            except RequestFailed as exc:
                attributes["error.type"] = type(exc).__name__
                span.set_attribute("error.type", type(exc).__name__)
                span.set_status(Status(StatusCode.ERROR, str(exc)))
                span.record_exception(exc)
                raise
            finally:
                self._durations.record(time.perf_counter() - started, attributes)

    async def hold_one(self) -> None:
        """Take a connection and never return it."""
        self._held.append(await self._pool.acquire())
        self._used += 1

    async def close(self) -> None:
        """Close the connections, at once if they do not close in time."""
        try:
            await asyncio.wait_for(self._pool.close(), 0.5)
        except TimeoutError:
            self._pool.terminate()

    async def _run(self, text: str, arguments: tuple[Any, ...]) -> list[Any]:
        connection = await self._acquire()
        try:
            rows: list[Any] = await connection.fetch(text, *arguments)
            return rows
        except TimeoutError as exc:
            raise DatabaseFailed(f"statement timed out after {STATEMENT_TIMEOUT_S} s") from exc
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
            raise DatabaseFailed(str(exc)) from exc
        finally:
            self._used -= 1
            await self._pool.release(connection)

    async def _acquire(self) -> Any:
        self._pending += 1
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        except TimeoutError as exc:
            raise PoolTimedOut(
                f"connection pool exhausted: {self._used} of {self._size} connections in use, "
                f"none free within {ACQUIRE_TIMEOUT_S} s"
            ) from exc
        except (OSError, asyncpg.PostgresError) as exc:
            raise DatabaseFailed(f"cannot connect to {PEER}: {exc}") from exc
        finally:
            self._pending -= 1
        self._used += 1
        return connection

    def _count_connections(self) -> list[tuple[float, dict[str, str]]]:
        idle = max(0, self._pool.get_size() - self._used)
        return [(self._used, POOL | {"state": "used"}), (idle, POOL | {"state": "idle"})]
