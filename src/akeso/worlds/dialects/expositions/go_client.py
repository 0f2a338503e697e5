"""A Go service with client_golang: promhttp's instrumentation of handlers, go-grpc-middleware's of gRPC.

https://pkg.go.dev/github.com/prometheus/client_golang/prometheus/promhttp and
https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus
"""

from typing import ClassVar

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_go
from akeso.worlds.dialects.otel.operation import grpc_status, named
from akeso.worlds.dialects.tally.grid import PROMETHEUS_SECONDS
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind

_CODES = {0: "OK", 3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound", 8: "ResourceExhausted", 13: "Internal"}
_OK = (("code", "200"),)


class GoClient(Pages):
    """`http_request*` or `grpc_server_*`, and the process."""

    name: ClassVar[str] = "go_client"
    port = 9090

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._calls = LabelledCalls(self._labels)

    def fits(self, service: Service) -> bool:
        """Services in Go."""
        kinds = {ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH}
        return service.runtime is Runtime.GO and not service.product and service.kind in kinds

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        write_go(page, self.tally, target.row)
        grpc = self._service(target.row).protocol is CallProtocol.GRPC
        requests, durations = ("grpc_server_handled_total", "grpc_server_handling_seconds") if grpc else _HTTP
        for counted in self._calls.of(self.tally.served, target.row):
            page.counter(requests, counted.count, counted.labels)
            self._calls.histogram(page, durations, counted, PROMETHEUS_SECONDS)
        page.gauge("http_requests_in_flight", float(self.tally.latest.instances.in_flight[target.row]))
        page.counter("promhttp_metric_handler_requests_total", self.tally.now // 15_000_000_000 % 10**6, _OK)

    def _service(self, row: int) -> Service:
        return self.tally.census.services[self.tally.census.instances[row].service]

    def _labels(self, group: int, answer: Answer) -> Labels | None:
        endpoint = self.tally.census.endpoints[group]
        service = self._service(endpoint.instance)
        name = named(endpoint.operation, service.protocol)
        if service.protocol is CallProtocol.GRPC:
            code = _CODES.get(grpc_status(answer), "Unavailable")
            called = (("grpc_method", name.object), ("grpc_service", name.verb), ("grpc_type", "unary"))
            return ("grpc_code", code), *called
        if service.protocol is not CallProtocol.HTTP or service.kind is ServiceKind.WORKER:
            return None
        return ("code", str(http_status(answer) or 500)), ("handler", name.object), ("method", name.verb.lower())


_HTTP = ("http_requests_total", "http_request_duration_seconds")
