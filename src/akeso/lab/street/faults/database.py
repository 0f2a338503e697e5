"""What people do to a database that others use: a lock that is kept, connections that are kept."""

import asyncpg

from akeso.lab.errors import ShopError
from akeso.lab.shop.running import eventually
from akeso.lab.street.faults.fault import EVERY_PAGE, LOAN_PAGES, Fault, Truth
from akeso.lab.street.stack.people import ANALYST, REPORT
from akeso.lab.street.stack.street import Street

NAMES = ("postgres", "postgresql", "db", "db.internal", "postgres-exporter")
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
MANY = 80


async def _sessions(street: Street, application: str) -> int:
    try:
        connection = await asyncpg.connect(street.dsn, timeout=3)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        # All connections are taken: by the only one who takes so many.
        return MANY if application == REPORT and not await street.is_down(REPORT) else 0
    try:
        return int(await connection.fetchval(SESSIONS, application))
    finally:
        await connection.close()


def _session_of(name: str, about: str, person: str, least: int, truth: Truth, hurts_within_s: float) -> Fault:
    async def active(street: Street) -> bool:
        return await _sessions(street, person) >= least

    async def begin(street: Street) -> None:
        await street.start(person)
        await eventually(lambda: active(street), f"{person}'s sessions", 30.0)

    async def end(street: Street) -> None:
        await street.stop(person)
        await _end_sessions(street, person)

    return Fault(
        name,
        "database",
        about,
        f"{person}'s sessions are ended",
        truth,
        begin,
        end,
        active,
        hurts_within_s=hurts_within_s,
    )


async def _end_sessions(street: Street, application: str) -> None:
    """A backend that waits for a lock does not see at once that its client is gone."""
    try:
        connection = await asyncpg.connect(street.dsn, timeout=3)
    except (OSError, TimeoutError, asyncpg.PostgresError) as exc:
        raise ShopError(f"the database does not answer: {exc!r}") from exc
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", application
        )
    finally:
        await connection.close()


FAULTS = (
    _session_of(
        "database_lock",
        "an analyst locks the table of loans in a transaction and leaves it open",
        ANALYST,
        1,
        Truth(NAMES, ("lock_contention",), LOAN_PAGES, (("end_database_session", "postgres"),)),
        20.0,
    ),
    _session_of(
        "connections_exhausted",
        "a report opens every connection that the database has and keeps them",
        REPORT,
        MANY,
        Truth(NAMES, ("connection_pool_exhaustion",), EVERY_PAGE, (("end_database_session", "postgres"),)),
        25.0,
    ),
)
