"""A .NET service with prometheus-net. https://github.com/prometheus-net/prometheus-net#aspnet-core-http-request-metrics"""

from typing import ClassVar

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.otel.operation import named
from akeso.worlds.dialects.tally.grid import DOTNET_SECONDS
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind

_GENERATIONS = tuple((("generation", str(each)),) for each in range(3))


class DotnetClient(Pages):
    """`http_requests_received_total`, `http_request_duration_seconds`, `dotnet_*`, `process_*`."""

    name: ClassVar[str] = "dotnet_client"

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._calls = LabelledCalls(self._labels)

    def fits(self, service: Service) -> bool:
        """Services in .NET."""
        kinds = {ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH}
        return service.runtime is Runtime.DOTNET and not service.product and service.kind in kinds

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        columns, row = self.tally.latest.instances, target.row
        for place, labels in enumerate(_GENERATIONS):
            page.counter(
                "dotnet_collection_count_total", float(self.tally.instances.gc_count[row]) // 10**place, labels
            )
        page.gauge("dotnet_total_memory_bytes", float(columns.heap[row]))
        page.gauge("process_private_memory_bytes", float(columns.rss[row]) * 1.2)
        page.gauge("process_working_set_bytes", float(columns.rss[row]))
        page.gauge("process_virtual_memory_bytes", 2.6e11)
        page.gauge("process_num_threads", float(columns.threads[row]))
        page.gauge("process_open_handles", float(columns.fds[row]))
        page.counter("process_cpu_seconds_total", float(self.tally.instances.cpu_s[row]))
        page.gauge("process_start_time_seconds", float(self.tally.lives.began[row]) / 1e9)
        page.gauge("http_requests_in_progress", float(columns.in_flight[row]))
        for counted in self._calls.of(self.tally.served, row):
            page.counter("http_requests_received_total", counted.count, counted.labels)
            self._calls.histogram(page, "http_request_duration_seconds", counted, DOTNET_SECONDS)

    def _labels(self, group: int, answer: Answer) -> Labels | None:
        endpoint = self.tally.census.endpoints[group]
        service = self.tally.census.services[self.tally.census.instances[endpoint.instance].service]
        if service.protocol is not CallProtocol.HTTP or service.kind is ServiceKind.WORKER:
            return None
        name = named(endpoint.operation, CallProtocol.HTTP)
        status = ("code", str(http_status(answer) or 500))
        return status, ("method", name.verb), ("controller", ""), ("action", ""), ("endpoint", name.object)
