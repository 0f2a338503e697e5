"""Istio's sidecars. https://istio.io/latest/docs/reference/config/metrics/"""

from typing import ClassVar

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import Counted, LabelledCalls
from akeso.worlds.dialects.expositions.discovery import ExporterPages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.otel.operation import grpc_status
from akeso.worlds.dialects.tally.grid import ISTIO_MS
from akeso.worlds.estate.service import CallProtocol, Service

_FLAGS = {
    Answer.REFUSED: "UF,URX",
    Answer.TIMED_OUT: "UT",
    Answer.RESET: "UC",
    Answer.NAME_UNKNOWN: "NR",
    Answer.UNAVAILABLE: "UH",
}


class Istio(ExporterPages):
    """`istio_requests_total` and `istio_request_duration_milliseconds`, told by both ends' proxies."""

    name: ClassVar[str] = "istio"
    port = 15020
    suffix = ""

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self.tally.watch_mesh()
        self._out, self._in = LabelledCalls(self._source), LabelledCalls(self._destination)

    def fits(self, service: Service) -> bool:
        """Whatever has a sidecar."""
        return service.sidecar

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        for calls, histograms in ((self._out, self.tally.sent), (self._in, self.tally.arrived)):
            for counted in calls.of(histograms, target.row):
                self._told(page, calls, counted)
        page.info("istio_build", (("component", "proxy"), ("tag", "1.27.1")))

    def _told(self, page: Page, calls: LabelledCalls, counted: Counted) -> None:
        page.counter("istio_requests_total", counted.count, counted.labels)
        calls.histogram(page, "istio_request_duration_milliseconds", counted, ISTIO_MS, 1.0)

    def _source(self, group: int, answer: Answer) -> Labels | None:
        site = self.tally.census.sites[self.tally.sending.right[group]]
        if site.protocol not in {CallProtocol.HTTP, CallProtocol.GRPC}:
            return None
        services = self.tally.census.services
        return _labels("source", services[site.caller], services[site.callee], answer)

    def _destination(self, group: int, answer: Answer) -> Labels | None:
        caller, callee = int(self.tally.arriving.right[group]), int(self.tally.arriving.left[group])
        services = self.tally.census.services
        service = services[self.tally.service_of[callee]]
        if service.protocol not in {CallProtocol.HTTP, CallProtocol.GRPC}:
            return None
        return _labels("destination", services[caller] if caller >= 0 else None, service, answer)


def _labels(reporter: str, source: Service | None, target: Service, answer: Answer) -> Labels:
    code = http_status(answer) or (504 if answer is Answer.TIMED_OUT else 503 if answer is not Answer.RESET else 0)
    name, space = (source.name, source.namespace) if source else ("unknown", "unknown")
    host = f"{target.name}.{target.namespace}.svc.cluster.local"
    labels = (
        ("reporter", reporter),
        ("source_workload", name),
        ("source_workload_namespace", space),
        ("source_app", name),
        ("destination_workload", target.name),
        ("destination_workload_namespace", target.namespace),
        ("destination_app", target.name),
        ("destination_service", host),
        ("destination_service_name", target.name),
        ("destination_service_namespace", target.namespace),
        ("request_protocol", "grpc" if target.protocol is CallProtocol.GRPC else "http"),
        ("response_code", str(code)),
        ("response_flags", _FLAGS.get(answer, "-") if reporter == "source" else "-"),
        ("connection_security_policy", "mutual_tls" if reporter == "destination" else "unknown"),
    )
    grpc = (("grpc_response_status", str(grpc_status(answer))),) if target.protocol is CallProtocol.GRPC else ()
    return *labels, *grpc
