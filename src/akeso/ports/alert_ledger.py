"""The alert ledger: what came, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity


class AlertSort(StrEnum):
    """By what alerts can be sorted; those that are equal in it by sender and fingerprint."""

    LAST = "last_at"
    FIRST = "first_at"
    SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which traces. Empty fields do not filter.

    since, until: when the alert was last told (until: before); labels: it carries all of them; text: words that it
    holds, each at least in its beginning; after: only what follows this place (see akeso.engine.alert_record.place).
    """

    tenant: str
    service: str = ""
    source: str = ""
    fingerprint: str = ""
    severities: tuple[Severity, ...] = ()
    fate: Fate | None = None
    incident: str = ""
    firing: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    labels: tuple[tuple[str, str], ...] = ()
    text: str = ""
    sort: AlertSort = AlertSort.LAST
    descending: bool = True
    after: tuple[str, str, str] | None = None
    limit: int = 100


class AlertLedger(Protocol):
    """One line for every alert that was accepted, by its identity."""

    async def note(self, trace: AlertTrace) -> None:
        """Write what became of an alert, durably. Raises Unavailable."""
        ...

    async def find(self, alert: Identity) -> AlertTrace | None:
        """What is known of this alert."""
        ...

    async def waiting(self) -> Sequence[AlertTrace]:
        """Those that wait to open an incident, oldest first."""
        ...

    async def traces(self, wanted: AlertFilter) -> Sequence[AlertTrace]:
        """At most `wanted.limit` of them, in the order asked for."""
        ...
