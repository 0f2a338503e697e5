"""mysqld_exporter. https://github.com/prometheus/mysqld_exporter"""

from typing import ClassVar

from akeso.worlds.dialects.expositions.discovery import ExporterPages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_exporter
from akeso.worlds.dialects.expositions.stores import StoreReading, reading_of
from akeso.worlds.estate.service import Service

_COMMANDS: dict[str, Labels] = {
    each: (("command", each),) for each in ("select", "insert", "update", "commit", "rollback")
}


class MysqldExporter(ExporterPages):
    """`mysql_*` beside every MySQL or MariaDB."""

    name: ClassVar[str] = "mysqld_exporter"
    port = 9104

    def fits(self, service: Service) -> bool:
        """MySQL and MariaDB."""
        return service.product in {"mysql", "mariadb"}

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        write_exporter(page, self.tally, target.key)
        found = reading_of(self.tally, target.row)
        up = found is not None and self.reaches(target)
        page.gauge("mysql_up", 1.0 if up else 0.0)
        if found is not None and up:
            self._server(page, found, target.row)

    def _server(self, page: Page, found: StoreReading, row: int) -> None:
        queries = found.total("commits") * 3 + found.total("rollbacks")
        page.gauge("mysql_global_status_threads_connected", found.level("connections"))
        page.gauge("mysql_global_status_threads_running", found.level("active") + found.level("blocked"))
        page.gauge("mysql_global_variables_max_connections", found.level("connection_limit"))
        page.counter("mysql_global_status_queries", queries)
        page.counter("mysql_global_status_questions", queries)
        page.counter("mysql_global_status_slow_queries", 0.0)
        page.counter("mysql_global_status_innodb_row_lock_waits", found.total("deadlocks") * 4)
        page.gauge("mysql_global_status_innodb_row_lock_current_waits", found.level("blocked"))
        page.counter("mysql_global_status_innodb_deadlocks", found.total("deadlocks"))
        page.counter("mysql_global_status_innodb_buffer_pool_read_requests", found.total("hits"))
        page.counter("mysql_global_status_innodb_buffer_pool_reads", found.total("misses"))
        page.gauge("mysql_global_variables_read_only", found.level("read_only"))
        page.gauge("mysql_slave_status_seconds_behind_master", found.level("lag_s"))
        page.gauge("mysql_global_status_uptime", (self.tally.now - float(self.tally.lives.began[row])) / 1e9)
        shares = {"select": 0.6, "insert": 0.15, "update": 0.15, "commit": 0.1}
        for command, labels in _COMMANDS.items():
            total = found.total("rollbacks") if command == "rollback" else queries * shares[command] // 1
            page.counter("mysql_global_status_commands_total", total, labels)
