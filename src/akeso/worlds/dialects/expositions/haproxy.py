"""HAProxy's own Prometheus endpoint. https://www.haproxy.com/documentation/haproxy-configuration-tutorials/alerts-and-monitoring/prometheus/"""

from typing import ClassVar

import numpy as np

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.estate.service import Service
from akeso.worlds.observation import Status

_CODES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")
_FRONT: Labels = (("proxy", "http-in"),)


class Haproxy(Pages):
    """`haproxy_frontend_*`, `haproxy_backend_*` and `haproxy_server_*` of who is called."""

    name: ClassVar[str] = "haproxy"
    port = 8405

    def fits(self, service: Service) -> bool:
        """HAProxy."""
        return service.product == "haproxy"

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        served = self.tally.served
        rows = list(served.of(target.row))
        counts = _by_class([(Answer(served.answers[row]), int(served.totals[row])) for row in rows])
        in_flight = float(self.tally.latest.instances.in_flight[target.row])
        page.gauge("haproxy_frontend_current_sessions", in_flight, _FRONT)
        page.gauge("haproxy_frontend_limit_sessions", 4000.0, _FRONT)
        page.counter("haproxy_frontend_http_requests_total", sum(counts.values()), _FRONT)
        for code in _CODES:
            page.counter("haproxy_frontend_http_responses_total", counts[code], (*_FRONT, ("code", code)))
        self._backends(page, target.row)

    def _backends(self, page: Page, row: int) -> None:
        sent, sending, census = self.tally.sent, self.tally.sending, self.tally.census
        by_callee: dict[int, list[int]] = {}
        for each in sent.of(row):
            by_callee.setdefault(census.sites[sending.right[sent.groups[each]]].callee, []).append(each)
        for callee, rows in sorted(by_callee.items()):
            labels: Labels = (("proxy", census.services[callee].name),)
            counts = _by_class([(Answer(sent.answers[each]), int(sent.totals[each])) for each in rows])
            for code in _CODES:
                page.counter("haproxy_backend_http_responses_total", counts[code], (*labels, ("code", code)))
            mean = float(sent.sums_ms[rows].sum()) / max(int(sent.totals[rows].sum()), 1) / 1e3
            page.gauge("haproxy_backend_response_time_average_seconds", mean, labels)
            page.gauge("haproxy_backend_current_queue", 0.0, labels)
            page.counter("haproxy_backend_connection_errors_total", counts["other"], labels)
            up = self._servers(page, callee, labels)
            page.gauge("haproxy_backend_active_servers", float(up), labels)
            page.gauge("haproxy_backend_status", float(up > 0), (*labels, ("state", "UP")))
            page.gauge("haproxy_backend_status", float(up == 0), (*labels, ("state", "DOWN")))

    def _servers(self, page: Page, callee: int, labels: Labels) -> int:
        status, up = self.tally.latest.instances.status, 0
        for row in np.flatnonzero(self.tally.service_of == callee).tolist():
            if status[row] == Status.ABSENT:
                continue
            alive = status[row] in {Status.UP, Status.STOPPING}
            up += alive
            server: Labels = (*labels, ("server", self.tally.census.instances[row].name))
            page.gauge("haproxy_server_status", float(alive), (*server, ("state", "UP")))
            page.gauge("haproxy_server_status", float(not alive), (*server, ("state", "DOWN")))
        return up


def _by_class(answered: list[tuple[Answer, int]]) -> dict[str, int]:
    counts = dict.fromkeys(_CODES, 0)
    for answer, count in answered:
        status = http_status(answer)
        counts[f"{status // 100}xx" if status else "other"] += count
    return counts
