"""A Python web service with prometheus_client, by prometheus-flask-exporter.

https://prometheus.github.io/client_python/ and https://github.com/rycus86/prometheus_flask_exporter#configuration
"""

from typing import ClassVar

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_python
from akeso.worlds.dialects.otel.operation import named
from akeso.worlds.dialects.tally.grid import PYTHON_SECONDS
from akeso.worlds.estate.service import CallProtocol, Runtime, Service, ServiceKind

_INFO = (("version", "0.23.2"),)


class PythonClient(Pages):
    """`flask_http_request_*` by method, path and status, and the process."""

    name: ClassVar[str] = "python_client"
    port = 8000

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._calls = LabelledCalls(self._labels)

    def fits(self, service: Service) -> bool:
        """Web services and workers in Python."""
        return service.runtime is Runtime.PYTHON and not service.product and service.kind in _KINDS

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        write_python(page, self.tally, target.row)
        totals: dict[Labels, float] = {}
        for counted in self._calls.of(self.tally.served, target.row):
            self._calls.histogram(page, "flask_http_request_duration_seconds", counted, PYTHON_SECONDS)
            began = float(self.tally.lives.began[target.row]) / 1e9
            page.gauge("flask_http_request_duration_seconds_created", began, counted.labels)
            both = tuple(pair for pair in counted.labels if pair[0] != "path")
            totals[both] = totals.get(both, 0.0) + counted.count
        for labels, total in totals.items():
            page.counter("flask_http_request_total", total, labels)
        page.info("flask_exporter_info", _INFO)

    def _labels(self, group: int, answer: Answer) -> Labels | None:
        endpoint = self.tally.census.endpoints[group]
        service = self.tally.census.services[self.tally.census.instances[endpoint.instance].service]
        if service.protocol is not CallProtocol.HTTP or service.kind is ServiceKind.WORKER:
            return None
        name = named(endpoint.operation, CallProtocol.HTTP)
        return ("method", name.verb), ("path", name.object), ("status", str(http_status(answer) or 500))


_KINDS = frozenset({ServiceKind.WEB, ServiceKind.GATEWAY, ServiceKind.WORKER, ServiceKind.BATCH})
