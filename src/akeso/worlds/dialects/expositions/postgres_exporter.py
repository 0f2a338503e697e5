"""postgres_exporter. https://github.com/prometheus-community/postgres_exporter"""

from typing import ClassVar

from akeso.worlds.dialects.expositions.discovery import ExporterPages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_exporter
from akeso.worlds.dialects.expositions.stores import StoreReading, reading_of
from akeso.worlds.estate.service import CallProtocol, Service, ServiceKind

_APP: Labels = (("datid", "16385"), ("datname", "app"))
_SERVER: Labels = (("server", "localhost:5432"),)
_STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "disabled",
    "fastpath function call",
)
_ACTIVITY: dict[str, Labels] = {state: (("datname", "app"), ("state", state)) for state in _STATES}
_MODES = ("accesssharelock", "rowsharelock", "rowexclusivelock", "exclusivelock", "accessexclusivelock", "sharelock")
_LOCKS: dict[str, Labels] = {mode: (("datname", "app"), ("mode", mode)) for mode in _MODES}
_STATIC: Labels = (*_SERVER, ("short_version", "16.10.0"), ("version", "PostgreSQL 16.10"))


class PostgresExporter(ExporterPages):
    """`pg_*` beside every PostgreSQL."""

    name: ClassVar[str] = "postgres_exporter"
    port = 9187

    def fits(self, service: Service) -> bool:
        """PostgreSQL, and databases that say nothing of their product."""
        database = service.kind is ServiceKind.DATABASE and service.protocol is CallProtocol.SQL
        return database and service.product in {"postgresql", "postgres", ""}

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        write_exporter(page, self.tally, target.key)
        found = reading_of(self.tally, target.row)
        up = found is not None and self.reaches(target)
        page.gauge("pg_exporter_last_scrape_error", 0.0 if up else 1.0)
        page.gauge("pg_up", 1.0 if up else 0.0)
        if found is not None and up:
            _activity(page, found)
            self._database(page, found, target.row)

    def _database(self, page: Page, found: StoreReading, row: int) -> None:
        columns = self.tally.latest.instances
        page.info("pg_static", _STATIC)
        page.gauge("pg_settings_max_connections", found.level("connection_limit"), _SERVER)
        page.gauge("pg_settings_shared_buffers_bytes", 134_217_728.0, _SERVER)
        page.gauge("pg_stat_database_numbackends", found.level("connections"), _APP)
        page.counter("pg_stat_database_xact_commit", found.total("commits"), _APP)
        page.counter("pg_stat_database_xact_rollback", found.total("rollbacks"), _APP)
        page.counter("pg_stat_database_deadlocks", found.total("deadlocks"), _APP)
        page.counter("pg_stat_database_blks_hit", found.total("hits"), _APP)
        page.counter("pg_stat_database_blks_read", found.total("misses"), _APP)
        page.counter("pg_stat_database_tup_fetched", found.total("hits") * 3, _APP)
        page.counter("pg_stat_database_tup_inserted", found.total("commits") * 0.4 // 1, _APP)
        page.counter("pg_stat_database_conflicts", 0.0, _APP)
        page.counter("pg_stat_database_temp_bytes", 0.0, _APP)
        page.gauge("pg_database_size_bytes", float(columns.disk_used[row]), (("datname", "app"),))
        page.gauge("pg_postmaster_start_time_seconds", float(self.tally.lives.began[row]) / 1e9, _SERVER)
        page.gauge("pg_replication_lag_seconds", found.level("lag_s"))
        page.gauge("pg_replication_is_replica", found.level("read_only"))
        page.counter("pg_stat_bgwriter_buffers_checkpoint_total", float(self.tally.instances.disk_written[row]) // 8192)
        page.counter("pg_stat_bgwriter_checkpoints_timed_total", (self.tally.now - self.tally.lives.began[row]) // 3e11)


def _activity(page: Page, found: StoreReading) -> None:
    active, blocked = found.level("active"), found.level("blocked")
    idle = max(found.level("connections") - active - blocked, 0.0)
    counts = {"active": active + blocked, "idle": idle}
    for state in _STATES:
        page.gauge("pg_stat_activity_count", counts.get(state, 0.0), _ACTIVITY[state])
    for state in _STATES:
        page.gauge("pg_stat_activity_max_tx_duration", found.level("oldest_s") * (state == "active"), _ACTIVITY[state])
    locks = {
        "accesssharelock": active,
        "rowexclusivelock": active * 0.4 // 1,
        "accessexclusivelock": float(blocked > 0),
    }
    for mode in _MODES:
        page.gauge("pg_locks_count", locks.get(mode, 0.0), _LOCKS[mode])
