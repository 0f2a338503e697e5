"""redis_exporter. https://github.com/oliver006/redis_exporter"""

from typing import ClassVar

from akeso.worlds.answers import Answer
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import ExporterPages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_exporter
from akeso.worlds.dialects.expositions.stores import StoreReading, reading_of
from akeso.worlds.estate.service import CallProtocol, Service

_DB: Labels = (("db", "db0"),)
_INSTANCE: Labels = (("redis_mode", "standalone"), ("redis_version", "7.4.5"), ("role", "master"))


class RedisExporter(ExporterPages):
    """`redis_*` beside every Redis or Valkey."""

    name: ClassVar[str] = "redis_exporter"
    port = 9121

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._calls = LabelledCalls(self._labels)

    def fits(self, service: Service) -> bool:
        """What speaks Redis' protocol."""
        return service.protocol is CallProtocol.REDIS and service.stores

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        write_exporter(page, self.tally, target.key)
        found = reading_of(self.tally, target.row)
        up = found is not None and self.reaches(target)
        page.gauge("redis_up", 1.0 if up else 0.0)
        page.gauge("redis_exporter_last_scrape_error", 0.0 if up else 1.0)
        if found is not None and up:
            self._server(page, found, target.row)
            self._commands(page, target.row)

    def _server(self, page: Page, found: StoreReading, row: int) -> None:
        columns, sums = self.tally.latest.instances, self.tally.instances
        page.info("redis_instance_info", _INSTANCE)
        page.gauge("redis_connected_clients", found.level("connections"))
        page.gauge("redis_blocked_clients", found.level("blocked"))
        page.gauge("redis_config_maxclients", found.level("connection_limit") or 10_000.0)
        page.gauge("redis_memory_used_bytes", float(columns.heap[row]) or float(columns.rss[row]))
        page.gauge("redis_memory_used_rss_bytes", float(columns.rss[row]))
        page.gauge("redis_memory_max_bytes", float(columns.memory_limit[row]))
        page.counter("redis_keyspace_hits_total", found.total("hits"))
        page.counter("redis_keyspace_misses_total", found.total("misses"))
        page.counter("redis_evicted_keys_total", found.total("evictions"))
        page.gauge("redis_db_keys", found.level("entries"), _DB)
        page.gauge("redis_connected_slaves", 0.0)
        page.gauge("redis_rdb_last_bgsave_status", 1.0)
        page.counter("redis_rejected_connections_total", 0.0)
        page.counter("redis_net_input_bytes_total", float(sums.net_in[row]))
        page.counter("redis_net_output_bytes_total", float(sums.net_out[row]))
        page.counter("redis_cpu_user_seconds_total", float(sums.cpu_s[row]) * 0.6)
        page.counter("redis_cpu_sys_seconds_total", float(sums.cpu_s[row]) * 0.4)
        began = float(self.tally.lives.began[row])
        page.gauge("redis_uptime_in_seconds", (self.tally.now - began) / 1e9)
        page.gauge("redis_start_time_seconds", began / 1e9)

    def _commands(self, page: Page, row: int) -> None:
        total = 0
        for counted in self._calls.of(self.tally.served, row):
            page.counter("redis_commands_total", counted.count, counted.labels)
            page.counter("redis_commands_duration_seconds_total", counted.seconds, counted.labels)
            total += counted.count
        page.counter("redis_commands_processed_total", total)

    def _labels(self, group: int, answer: Answer) -> Labels | None:
        del answer
        return (("cmd", self.tally.census.endpoints[group].operation.partition(" ")[0].lower()),)
