"""nginx as a gateway: ingress-nginx in a cluster, nginx-prometheus-exporter (stub_status) on a machine.

https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/ and
https://github.com/nginx/nginx-prometheus-exporter#exported-metrics
"""

from typing import ClassVar

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import ExporterPages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_exporter
from akeso.worlds.dialects.otel.operation import named
from akeso.worlds.dialects.tally.grid import PROMETHEUS_SECONDS
from akeso.worlds.estate.service import CallProtocol, Service


class Nginx(ExporterPages):
    """`nginx_ingress_controller_*`, or `nginx_*`, which know no statuses."""

    name: ClassVar[str] = "nginx"
    port = 9113

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._calls = LabelledCalls(self._labels)

    def fits(self, service: Service) -> bool:
        """nginx."""
        return service.product in {"nginx", "ingress-nginx"}

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        service = self.tally.census.services[self.tally.census.instances[target.row].service]
        write_exporter(page, self.tally, target.key)
        if service.alone:
            self._stub_status(page, target)
        elif self.reaches(target):
            self._ingress(page, target.row)

    def _stub_status(self, page: Page, target: Target) -> None:
        page.gauge("nginx_up", 1.0 if self.reaches(target) else 0.0)
        if not self.reaches(target):
            return
        counted = list(self._calls.of(self.tally.served, target.row))
        total = sum(each.count for each in counted)
        active = float(self.tally.latest.instances.in_flight[target.row])
        page.counter("nginx_connections_accepted", total // 4)
        page.counter("nginx_connections_handled", total // 4)
        page.gauge("nginx_connections_active", active + 3)
        page.gauge("nginx_connections_reading", 0.0)
        page.gauge("nginx_connections_writing", active)
        page.gauge("nginx_connections_waiting", 3.0)
        page.counter("nginx_http_requests_total", total)

    def _ingress(self, page: Page, row: int) -> None:
        for counted in self._calls.of(self.tally.served, row):
            page.counter("nginx_ingress_controller_requests", counted.count, counted.labels)
            name = "nginx_ingress_controller_request_duration_seconds"
            self._calls.histogram(page, name, counted, PROMETHEUS_SECONDS)
        active = float(self.tally.latest.instances.in_flight[row])
        page.gauge("nginx_ingress_controller_nginx_process_connections", active, (("state", "active"),))
        page.gauge("nginx_ingress_controller_config_last_reload_successful", 1.0)
        page.counter("nginx_ingress_controller_nginx_process_cpu_seconds_total", float(self.tally.instances.cpu_s[row]))
        rss = float(self.tally.latest.instances.rss[row])
        page.gauge("nginx_ingress_controller_nginx_process_resident_memory_bytes", rss)

    def _labels(self, group: int, answer: Answer) -> Labels | None:
        census = self.tally.census
        endpoint = census.endpoints[group]
        service = census.services[census.instances[endpoint.instance].service]
        name = named(endpoint.operation, CallProtocol.HTTP)
        behind = next((o.calls[0].service for o in service.operations if o.name == endpoint.operation and o.calls), "")
        status = str(http_status(answer) or 499)
        head = (("controller_class", "k8s.io/ingress-nginx"), ("host", "shop.example.com"), ("ingress", "web"))
        return *head, ("method", name.verb), ("path", name.object), ("exported_service", behind), ("status", status)
