"""Lists of incidents: filtered, sorted and in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.incident import IncidentStatus


class IncidentSort(StrEnum):
    """By what incidents can be sorted; those that are equal in it by when they were detected."""

    DETECTED = "detected_at"
    UPDATED = "updated_at"
    ONSET = "onset_at"
    SEVERITY = "severity"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class IncidentPlace:
    """Where an incident stands in a list. value: what it is sorted by, as text; number: the older has the smaller."""

    value: str
    number: int


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents of a tenant. Of several values one has to fit; empty fields do not filter.

    services: it concerns one of them; kinds: diagnosed classes of fault; owners: whom it is assigned to, or who
    acknowledged it; since, until: when it was detected (until: before); labels: its alerts carry all of them;
    fingerprint: of an alert of it; text: words that it holds, each at least in its beginning; after: only what follows
    this place.
    """

    tenant: str
    services: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    statuses: tuple[IncidentStatus, ...] = ()
    owners: tuple[str, ...] = ()
    open: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    labels: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""
    text: str = ""
    sort: IncidentSort = IncidentSort.DETECTED
    descending: bool = True
    after: IncidentPlace | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One line of a list.

    number: grows with every incident; type: the diagnosed fault class ("" before); confidence: of the diagnosis;
    owner: whom it is assigned to; metrics_snapshot: one entry an anomaly with service, metric, stat, signal, unit,
    observed and expected (None when there was no expectation).
    """

    id: str
    number: int
    tenant: str
    service: str
    type: str
    title: str
    severity: str
    status: IncidentStatus
    confidence: float | None
    onset: datetime
    detected_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    resolved_at: datetime | None
    mttr_seconds: float | None
    metrics_snapshot: Sequence[Mapping[str, Any]]
    why: str
    owner: str
    acknowledged_by: str
    priority: str

    def place(self, sort: IncidentSort) -> IncidentPlace:
        """Where it stands in a list that is sorted so."""
        match sort:
            case IncidentSort.DETECTED:
                value = ""
            case IncidentSort.UPDATED:
                value = self.updated_at.isoformat()
            case IncidentSort.ONSET:
                value = self.onset.isoformat()
            case IncidentSort.SEVERITY:
                value = self.severity
            case IncidentSort.SERVICE:
                value = self.service
        return IncidentPlace(value, self.number)


class IncidentList(Protocol):
    """The incidents that a journal knows."""

    async def page(self, wanted: IncidentFilter) -> Sequence[IncidentRow]:
        """At most `wanted.limit` of them, from the place asked for on. Raises InvalidInput for a place that no list of
        this sort has, Unavailable when the store does not answer."""
        ...
