"""Healings that show that an alarm was true: an effect was applied, and the trouble was gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from akeso.domain.incident import events as e
from akeso.domain.telemetry.times import epoch_ns

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Something was wrong with `service` (tenant, service) between two instants, ns."""

    service: tuple[str, str]
    start: int
    end: int


@dataclass(slots=True)
class _Course:
    tenant: str
    services: set[str]
    onset: datetime
    acted: bool = False


class Healings:
    """Follows incidents by their events until they end."""

    def __init__(self) -> None:
        self._courses: dict[str, _Course] = {}

    def take(self, entry: e.Entry) -> Iterator[Confirmed]:
        """What this event shows to have been real."""
        course = self._courses.get(entry.incident)
        match entry.event:
            case e.IncidentDetected() as found:
                if len(self._courses) >= _MOST:
                    del self._courses[next(iter(self._courses))]
                services = {found.service, *(anomaly.service for anomaly in found.anomalies)}
                self._courses[entry.incident] = _Course(found.tenant, services, found.onset)
            case e.AnomaliesAttached(anomalies) if course:
                course.services |= {anomaly.service for anomaly in anomalies}
            case e.ActionApplied() if course:
                course.acted = True
            case e.FeedbackGiven(helpful=True) if course:
                yield from _all(course, entry.at)
            case e.IncidentResolved() if course:
                if course.acted:
                    yield from _all(course, entry.at)
                del self._courses[entry.incident]
            case e.IncidentEscalated() | e.IncidentFailed() | e.IncidentSuppressed():
                self._courses.pop(entry.incident, None)
            case _:
                pass


def _all(course: _Course, until: datetime) -> Iterator[Confirmed]:
    for service in sorted(course.services):
        yield Confirmed((course.tenant, service), epoch_ns(course.onset), epoch_ns(until))
