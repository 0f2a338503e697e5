"""blackbox_exporter: probes from outside, of what visitors call. https://github.com/prometheus/blackbox_exporter"""

from typing import ClassVar

import numpy as np

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.observation import OUTSIDE

_PHASES = ("connect", "processing", "resolve", "tls", "transfer")


class BlackboxExporter:
    """`probe_*` of each service that visitors call: what its last visitor got is what the probe gets."""

    name: ClassVar[str] = "blackbox_exporter"

    def __init__(self, assignment: Assignment) -> None:
        self._assignment, self._tally = assignment, assignment.tally
        self._last: dict[int, tuple[Answer, float]] = {}

    def targets(self) -> list[Target]:
        """A target for each."""
        census = self._tally.census
        entries = {site.callee for site in census.sites if site.caller == OUTSIDE} & self._assignment.services
        found = []
        for service in sorted(entries):
            url = f"https://{census.services[service].name}.example.com/"
            labels: Labels = (("job", "blackbox"), ("instance", url))
            found.append(Target(f"blackbox/{service}", labels, service, True))
        return found

    def answers(self, target: Target) -> bool:
        """The exporter stands outside and answers always."""
        del target
        return True

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        answer, seconds = self._probe(target.row)
        status = http_status(answer)
        page.gauge("probe_success", float(200 <= status < 400))
        page.gauge("probe_duration_seconds", seconds)
        page.gauge("probe_http_status_code", float(status))
        for phase in _PHASES:
            page.gauge("probe_http_duration_seconds", seconds * (phase == "processing"), (("phase", phase),))
        page.gauge("probe_dns_lookup_time_seconds", 0.0011)
        page.gauge("probe_http_ssl", 1.0)
        expiry = self._assignment.start / 1e9 + 60 * 86_400
        page.gauge("probe_ssl_earliest_cert_expiry", expiry)

    def _probe(self, service: int) -> tuple[Answer, float]:
        census, calls = self._tally.census, self._tally.latest.calls
        entry = np.array([each.caller == OUTSIDE and each.callee == service for each in census.sites], np.bool_)
        rows = np.flatnonzero(entry[census.link_site[calls.link]])
        if len(rows):
            self._last[service] = Answer(calls.seen[rows[-1]]), float(calls.latency_ms[rows[-1]]) / 1e3
        return self._last.get(service, (Answer.OK, 0.05))
