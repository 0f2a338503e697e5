"""Envoy's admin endpoint as a gateway. https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats"""

from typing import ClassVar

import numpy as np

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.calls import LabelledCalls
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.tally.grid import ISTIO_MS
from akeso.worlds.estate.service import Service
from akeso.worlds.observation import Status

_FRONT: Labels = (("envoy_http_conn_manager_prefix", "ingress_http"),)


class Envoy(Pages):
    """`envoy_http_downstream_*` and `envoy_cluster_*`."""

    name: ClassVar[str] = "envoy"
    port = 9901

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._down, self._up = LabelledCalls(self._downstream), LabelledCalls(self._upstream)

    def fits(self, service: Service) -> bool:
        """Envoy, not as a sidecar."""
        return service.product in {"envoy", "istio-ingressgateway"}

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        page.gauge("envoy_server_live", 1.0)
        page.gauge("envoy_server_uptime", (self.tally.now - float(self.tally.lives.began[target.row])) / 1e9)
        page.gauge("envoy_server_memory_allocated", float(self.tally.latest.instances.rss[target.row]))
        in_flight = float(self.tally.latest.instances.in_flight[target.row])
        page.gauge("envoy_http_downstream_rq_active", in_flight, _FRONT)
        for counted in self._down.of(self.tally.served, target.row):
            page.counter("envoy_http_downstream_rq_xx", counted.count, counted.labels)
        callees: set[int] = set()
        sent, sending = self.tally.sent, self.tally.sending
        for counted in self._up.of(sent, target.row):
            page.counter("envoy_cluster_upstream_rq_xx", counted.count, counted.labels)
            self._up.histogram(page, "envoy_cluster_upstream_rq_time", counted, ISTIO_MS, 1.0)
        for row in sent.of(target.row):
            callees.add(self.tally.census.sites[sending.right[sent.groups[row]]].callee)
        for callee in sorted(callees):
            self._cluster(page, callee, target.row)

    def _cluster(self, page: Page, callee: int, row: int) -> None:
        sent, sending, sites = self.tally.sent, self.tally.sending, self.tally.census.sites
        labels: Labels = (("envoy_cluster_name", self.tally.census.services[callee].name),)
        rows = [each for each in sent.of(row) if sites[sending.right[sent.groups[each]]].callee == callee]
        by_answer = dict.fromkeys((Answer.REFUSED, Answer.TIMED_OUT, Answer.RESET), 0)
        for each in rows:
            answer = Answer(sent.answers[each])
            by_answer[answer] = by_answer.get(answer, 0) + int(sent.totals[each])
        page.counter("envoy_cluster_upstream_rq_total", int(sent.totals[rows].sum()), labels)
        page.counter("envoy_cluster_upstream_cx_connect_fail", by_answer[Answer.REFUSED], labels)
        page.counter("envoy_cluster_upstream_rq_timeout", by_answer[Answer.TIMED_OUT], labels)
        page.counter("envoy_cluster_upstream_rq_rx_reset", by_answer[Answer.RESET], labels)
        places = np.flatnonzero(self.tally.service_of == callee)
        status = self.tally.latest.instances.status[places]
        page.gauge("envoy_cluster_membership_healthy", float((status == Status.UP).sum()), labels)
        page.gauge("envoy_cluster_membership_total", float((status != Status.ABSENT).sum()), labels)

    def _downstream(self, group: int, answer: Answer) -> Labels | None:
        del group
        return (("envoy_response_code_class", str((http_status(answer) or 503) // 100)), *_FRONT)

    def _upstream(self, group: int, answer: Answer) -> Labels | None:
        site = self.tally.census.sites[self.tally.sending.right[group]]
        # What did not answer is answered by Envoy itself: 503, or 504 after a time-out.
        code = http_status(answer) or (504 if answer is Answer.TIMED_OUT else 503)
        name = self.tally.census.services[site.callee].name
        return ("envoy_cluster_name", name), ("envoy_response_code_class", str(code // 100))
