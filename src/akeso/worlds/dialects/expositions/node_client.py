"""A Node.js service with prom-client's default metrics and express-prom-bundle.

https://github.com/siimon/prom-client#default-metrics and https://github.com/jochen-schweizer/express-prom-bundle
"""

from typing import ClassVar

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_process
from akeso.worlds.dialects.otel.operation import named
from akeso.worlds.dialects.tally.grid import EXPRESS_SECONDS
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind

_VERSION = (("version", "v22.19.0"), ("major", "22"), ("minor", "19"), ("patch", "0"))


class NodeClient(Pages):
    """`http_request_duration_seconds` by status code, method and path; `nodejs_*`."""

    name: ClassVar[str] = "node_client"
    port = 3000

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._calls = LabelledCalls(self._labels)

    def fits(self, service: Service) -> bool:
        """Services in Node.js."""
        kinds = {ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH}
        return service.runtime is Runtime.NODE and not service.product and service.kind in kinds

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        columns, row = self.tally.latest.instances, target.row
        write_process(page, self.tally, row)
        page.counter("process_cpu_user_seconds_total", float(self.tally.instances.cpu_s[row]) * 0.85)
        page.counter("process_cpu_system_seconds_total", float(self.tally.instances.cpu_s[row]) * 0.15)
        lag = 1e-3 + 0.05 * float(columns.waiting[row])
        page.gauge("nodejs_eventloop_lag_seconds", lag)
        page.gauge("nodejs_eventloop_lag_mean_seconds", lag)
        page.gauge("nodejs_eventloop_lag_p99_seconds", lag * 3)
        page.gauge("nodejs_active_handles_total", float(columns.fds[row]))
        page.gauge("nodejs_heap_size_total_bytes", float(columns.heap[row]) * 1.3)
        page.gauge("nodejs_heap_size_used_bytes", float(columns.heap[row]))
        page.gauge("nodejs_external_memory_bytes", 2.1e6)
        page.info("nodejs_version_info", _VERSION)
        for counted in self._calls.of(self.tally.served, row):
            self._calls.histogram(page, "http_request_duration_seconds", counted, EXPRESS_SECONDS)

    def _labels(self, group: int, answer: Answer) -> Labels | None:
        endpoint = self.tally.census.endpoints[group]
        service = self.tally.census.services[self.tally.census.instances[endpoint.instance].service]
        if service.protocol is not CallProtocol.HTTP or service.kind is ServiceKind.WORKER:
            return None
        name = named(endpoint.operation, CallProtocol.HTTP)
        return ("status_code", str(http_status(answer) or 500)), ("method", name.verb), ("path", name.object)
