"""A Java service with Micrometer, as Spring Boot's actuator exposes it: timers without buckets, with a maximum.

https://docs.micrometer.io/micrometer/reference/ and
https://docs.spring.io/spring-boot/reference/actuator/metrics.html
"""

from typing import ClassVar

import numpy as np

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import Counted, LabelledCalls
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.otel.operation import named
from akeso.worlds.dialects.tally.grid import middles_ms
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind

_OUTCOMES = {2: "SUCCESS", 4: "CLIENT_ERROR", 5: "SERVER_ERROR"}
_HEAP = {
    "G1 Eden Space": (("area", "heap"), ("id", "G1 Eden Space")),
    "G1 Old Gen": (("area", "heap"), ("id", "G1 Old Gen")),
    "Metaspace": (("area", "nonheap"), ("id", "Metaspace")),
}
_PAUSE = (("action", "end of minor GC"), ("cause", "G1 Evacuation Pause"), ("gc", "G1 Young Generation"))
_STATES = tuple((("state", each),) for each in ("runnable", "waiting", "timed-waiting", "blocked"))
_MIDDLES_S = middles_ms() / 1e3


class Micrometer(Pages):
    """`http_server_requests_seconds`, `jvm_*`, `hikaricp_*`, `tomcat_*`, `process_*`."""

    name: ClassVar[str] = "micrometer"

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._served, self._sent = LabelledCalls(self._server_labels), LabelledCalls(self._client_labels)

    def fits(self, service: Service) -> bool:
        """Services in Java."""
        kinds = {ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH}
        return service.runtime is Runtime.JAVA and not service.product and service.kind in kinds

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        for counted in self._served.of(self.tally.served, target.row):
            _timer(page, "http_server_requests_seconds", counted)
        for counted in self._sent.of(self.tally.sent, target.row):
            _timer(page, "http_client_requests_seconds", counted)
        self._machine(page, target.row)
        self._pools(page, target.row)
        self._process(page, target.row)

    def _machine(self, page: Page, row: int) -> None:
        columns = self.tally.latest.instances
        heap, after = float(columns.heap[row]), float(columns.heap_after_gc[row])
        used = {"G1 Eden Space": max(heap - after, 0.0), "G1 Old Gen": after, "Metaspace": 9e7}
        for pool, value in used.items():
            page.gauge("jvm_memory_used_bytes", value, _HEAP[pool])
        for pool, value in used.items():
            page.gauge("jvm_memory_committed_bytes", value * 1.2, _HEAP[pool])
        page.gauge("jvm_memory_max_bytes", float(columns.memory_limit[row]) / 2 or -1.0, _HEAP["G1 Old Gen"])
        page.gauge("jvm_gc_live_data_size_bytes", after)
        sums = self.tally.instances
        page.summary("jvm_gc_pause_seconds", float(sums.gc_count[row]), float(sums.gc_s[row]), _PAUSE)
        page.gauge("jvm_gc_pause_seconds_max", float(sums.gc_s[row]) / max(float(sums.gc_count[row]), 1) * 2, _PAUSE)
        page.gauge("jvm_threads_live_threads", float(columns.threads[row]))
        states = (float(columns.busy[row]), float(columns.threads[row]) - float(columns.busy[row]), 6.0, 0.0)
        for labels, value in zip(_STATES, states, strict=True):
            page.gauge("jvm_threads_states_threads", value, labels)
        page.gauge("jvm_classes_loaded_classes", 14_210.0)

    def _pools(self, page: Page, row: int) -> None:
        census, pools = self.tally.census, self.tally.latest.pools
        for pool in np.flatnonzero(census.pool_instance == row).tolist():
            if census.services[census.pool_service[pool]].protocol is not CallProtocol.SQL:
                continue
            labels = (("pool", "HikariPool-1"),)
            page.gauge("hikaricp_connections", float(pools.used[pool] + pools.idle[pool]), labels)
            page.gauge("hikaricp_connections_active", float(pools.used[pool]), labels)
            page.gauge("hikaricp_connections_idle", float(pools.idle[pool]), labels)
            page.gauge("hikaricp_connections_max", float(pools.size[pool]), labels)
            page.gauge("hikaricp_connections_pending", float(pools.pending[pool]), labels)
            page.counter("hikaricp_connections_timeout_total", float(self.tally.pools.timeouts[pool]), labels)

    def _process(self, page: Page, row: int) -> None:
        columns = self.tally.latest.instances
        cores = float(columns.cpu_limit[row]) or 1.0
        page.gauge("process_cpu_usage", min(float(columns.cpu_s[row]) / cores, 1.0))
        page.gauge("system_cpu_count", max(cores // 1, 1.0))
        page.gauge("process_files_open_files", float(columns.fds[row]))
        page.gauge("process_files_max_files", float(columns.fd_limit[row]))
        began = float(self.tally.lives.began[row]) / 1e9
        page.gauge("process_start_time_seconds", began)
        page.gauge("process_uptime_seconds", self.tally.now / 1e9 - began)
        page.gauge("tomcat_threads_busy_threads", float(columns.busy[row]), (("name", "http-nio-8080"),))
        page.gauge("tomcat_threads_config_max_threads", float(columns.thread_limit[row]), (("name", "http-nio-8080"),))

    def _server_labels(self, group: int, answer: Answer) -> Labels | None:
        endpoint = self.tally.census.endpoints[group]
        service = self.tally.census.services[self.tally.census.instances[endpoint.instance].service]
        if service.protocol is not CallProtocol.HTTP or service.kind is ServiceKind.WORKER:
            return None
        name = named(endpoint.operation, CallProtocol.HTTP)
        raised = "none" if answer is not Answer.FAILED else "IllegalStateException"
        return ("error", raised), ("exception", raised), ("method", name.verb), *_status(answer), ("uri", name.object)

    def _client_labels(self, group: int, answer: Answer) -> Labels | None:
        site = self.tally.census.sites[self.tally.sending.right[group]]
        if site.protocol is not CallProtocol.HTTP:
            return None
        name = named(site.operation, CallProtocol.HTTP)
        return ("client_name", site.peer), ("method", name.verb), *_status(answer), ("uri", name.object)


def _status(answer: Answer) -> Labels:
    status = http_status(answer)
    if not status:
        return ("outcome", "UNKNOWN"), ("status", "IO_ERROR")
    return ("outcome", _OUTCOMES[status // 100]), ("status", str(status))


def _timer(page: Page, name: str, counted: Counted) -> None:
    page.summary(name, counted.count, counted.seconds, counted.labels)
    slowest = int(np.flatnonzero(counted.cells)[-1])
    page.gauge(f"{name}_max", float(_MIDDLES_S[slowest]), counted.labels)
