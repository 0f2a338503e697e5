"""Exports the state of the shop's database, as the collector's PostgreSQL receiver does."""

from collections.abc import Callable

from akeso.lab.chassis.database import Statement
from akeso.lab.chassis.floor import Floor, Service
from akeso.lab.errors import RequestFailed

READ_EVERY_S = 1.0
ACTIVITY = Statement(
    "SELECT",
    "pg_stat_activity",
    """
    SELECT count(*)::float8 AS backends,
           count(*) FILTER (WHERE cardinality(pg_blocking_pids(pid)) > 0)::float8 AS blocked,
           coalesce(max(extract(epoch FROM now() - state_change))
                    FILTER (WHERE state = 'idle in transaction'), 0)::float8 AS idle_max,
           coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 AS transaction_max,
           (SELECT count(*) FROM pg_locks WHERE NOT granted)::float8 AS locks_waiting
      FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND datname = current_database()
    """,
)
TOTALS = Statement(
    "SELECT",
    "pg_stat_database",
    """
    SELECT xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks, deadlocks::float8 AS deadlocks
      FROM pg_stat_database WHERE datname = current_database()
    """,
)
GAUGES = (
    ("postgresql.backends", "1", "backends"),
    ("postgresql.sessions.blocked", "{session}", "blocked"),
    ("postgresql.locks.waiting", "{lock}", "locks_waiting"),
    ("postgresql.transaction.idle.max", "s", "idle_max"),
    ("postgresql.transaction.duration.max", "s", "transaction_max"),
)
COUNTERS = (
    ("postgresql.commits", "1", "commits"),
    ("postgresql.rollbacks", "1", "rollbacks"),
    ("postgresql.deadlocks", "{deadlock}", "deadlocks"),
)


async def watch(floor: Floor) -> None:
    """Read the server's own views each second."""
    latest: dict[str, float] = {}

    def reading(key: str) -> Callable[[], list[tuple[float, dict[str, str]]]]:
        return lambda: [(latest[key], {})] if key in latest else []

    for name, unit, key in GAUGES:
        floor.instruments.gauge(name, unit, reading(key))
    for name, unit, key in COUNTERS:
        floor.instruments.total(name, unit, reading(key))
    while not floor.stopping.is_set():
        try:
            for statement in (ACTIVITY, TOTALS):
                latest.update((await floor.database.rows(statement))[0])
        except RequestFailed as exc:
            latest.clear()
            floor.telemetry.log.failed(f"the database could not be read: {exc}", exc)
        await floor.pause(READ_EVERY_S)


SERVICE = Service(tasks=(watch,))
