"""Sessions of a PostgreSQL database that others wait for (extra `postgres`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.estate.service import Bound, ServiceSpec
from akeso.targets.binding import bound

# A root blocks others and waits for nobody; everybody behind it counts, directly or through others.
_ROOTS = """
with recursive waits as (
    select pid, unnest(pg_blocking_pids(pid)) as blocker from pg_stat_activity where wait_event_type = 'Lock'
), behind as (
    select blocker as root, pid from waits where blocker not in (select pid from waits)
    union
    select behind.root, waits.pid from waits join behind on waits.blocker = behind.pid
)
select a.pid, a.backend_start, a.application_name, a.usename, a.state, a.query_start, a.xact_start,
       left(a.query, 300) as query, count(*) as waiting,
       extract(epoch from clock_timestamp() - a.xact_start)::float8 as open_s
from behind join pg_stat_activity a on a.pid = behind.root
where a.backend_type = 'client backend' and a.datname = current_database() and a.pid <> pg_backend_pid()
group by a.pid, a.backend_start, a.application_name, a.usename, a.state, a.query_start, a.xact_start, a.query
order by waiting desc, a.xact_start
"""
_END = "select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and backend_start = $2"
_THERE = "select exists(select from pg_stat_activity where pid = $1 and backend_start = $2)"
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Session:
    """A backend. pid and backend_start identify it; waiting: sessions behind it; open_s: age of its transaction."""

    pid: int
    backend_start: datetime
    application: str
    user: str
    state: str
    query_start: datetime | None
    query: str
    waiting: int
    open_s: float


class Sessions:
    """Over an open connection. PostgreSQL errors pass through; see `open_sessions`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def roots(self) -> tuple[Session, ...]:
        """The sessions that hold up others and wait for nobody, those with the most waiting first."""
        return tuple(_session(row) for row in await self._connection.fetch(_ROOTS))

    async def there(self, pid: int, backend_start: datetime) -> bool:
        """Whether exactly this session exists."""
        return bool(await self._connection.fetchval(_THERE, pid, backend_start))

    async def end(self, pid: int, backend_start: datetime, limit_s: float) -> bool:
        """Terminate exactly this session and wait until it is gone; False when it is still there after `limit_s`."""
        await self._connection.fetchval(_END, pid, backend_start)
        deadline = asyncio.get_running_loop().time() + limit_s
        while await self.there(pid, backend_start):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True


@asynccontextmanager
async def open_sessions(service: ServiceSpec, timeout_s: float) -> AsyncIterator[Sessions]:
    """The sessions of the service's database binding.

    Raises ActionFailed when the binding is wrong, the server cannot be reached at all or refuses, and Unavailable
    when it stops answering in between.
    """
    dsn = bound(service, Bound.DATABASE, "postgresql", "dsn")["dsn"]
    try:
        import asyncpg
    except ImportError as exc:
        raise ActionFailed("databases need the extra: pip install 'akeso[postgres]'") from exc
    try:
        connection = await asyncpg.connect(dsn, timeout=timeout_s, command_timeout=timeout_s)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as exc:
        raise ActionFailed(f"the database of {service.name} cannot be reached: {exc or 'no answer in time'}") from exc
    try:
        yield Sessions(connection)
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as exc:
        raise Unavailable(f"the database of {service.name} stopped answering: {exc or 'no answer in time'}") from exc
    except asyncpg.PostgresError as exc:
        raise ActionFailed(f"the database of {service.name} refuses: {exc}") from exc
    finally:
        connection.terminate()


def _session(row: Any) -> Session:
    return Session(
        pid=row["pid"],
        backend_start=row["backend_start"],
        application=row["application_name"] or "",
        user=row["usename"] or "",
        state=row["state"] or "",
        query_start=row["query_start"],
        query=row["query"] or "",
        waiting=row["waiting"],
        open_s=row["open_s"] or 0.0,
    )
