"""The alert ledger: what came, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from akeso.domain.incident.alert_trace import AlertTrace, Fate, Identity


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which traces. Empty fields do not filter; before: only those that sort after this position of an earlier page."""

    tenant: str
    service: str = ""
    fate: Fate | None = None
    incident: str = ""
    firing: bool | None = None
    text: str = ""
    before: tuple[str, str, str] | None = None
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
        """The newest first."""
        ...
