"""Evidence from probes, health checks and scrapes: what they find down is down, unless it goes on answering."""

from collections.abc import Iterator, Sequence

from akeso.domain.estate.senders import TELEMETRY_GAP
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.signal import Signal
from akeso.stages.correlation.witnesses import is_of_a_scrape
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.symptoms import SeriesDeviation, read

_MORE = 0.34


class Availability:
    """Speaks for services that somebody looked at and found down.

    One that goes on answering requests is not down: then it is the probe, or the way of its telemetry.
    """

    name = "availability"

    def __init__(self, weight: float = 3.0) -> None:
        self._weight = weight

    def gather(self, case: Case) -> Sequence[Evidence]:
        symptoms = read(case)
        return [e for service in sorted(symptoms.services) for e in self._findings(case, service)]

    def _findings(self, case: Case, service: str) -> Iterator[Evidence]:
        symptoms = read(case)
        probes = symptoms.signal(service, Signal.DOWN)
        found = [d for d in probes if d.rise >= _MORE and symptoms.lately(d) >= _MORE]
        if found:
            yield self._finding(case, max(found, key=lambda d: d.rise))

    def _finding(self, case: Case, found: SeriesDeviation) -> Evidence:
        service, numbers, effect = found.key.service, {"down": found.last}, effects(case)[found.key.service]
        if not effect.down and is_of_a_scrape(found.key):
            # Where the incident is about that, it is the cause: somebody has to look, and nothing to be restarted.
            about = any(a.key == found.key for a in case.anomalies)
            said = f"{service} cannot be reached by scrapes, and nobody says that it is down"
            return Evidence(self.name, service, said, 1.5 if about else -0.5, {TELEMETRY_GAP: 4.0}, numbers)
        if effect.well:
            said = f"{found.key.metric} finds {service} down, and nobody else: only its telemetry may be missing"
            return Evidence(self.name, service, said, -0.5, {TELEMETRY_GAP: 3.0}, numbers)
        said = f"{found.key.metric} finds {found.last:.0%} of {service} down"
        weight = self._weight if effect.down else 0.5 * self._weight
        return Evidence(self.name, service, said, weight, {FaultClass.CRASH: 3.0}, numbers)
