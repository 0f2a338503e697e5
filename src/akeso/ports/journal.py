"""The journal: the one record of what happened."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from akeso.domain.incident.events import Entry, Event
from akeso.domain.incident.incident import Incident


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on an incident until `expires_at`. fence: grows with every new holder."""

    incident: str
    owner: str
    fence: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """An event to be appended.

    expected: the sequence of the incident's last event as the writer knows it (0 for none). state: the incident after
    this event; the projections are brought to it in the same transaction (None for events of no incident).
    """

    incident: str
    event: Event
    actor: str
    at: datetime
    expected: int = 0
    state: Incident | None = None
    lease: Lease | None = None


class Journal(Protocol):
    """Append-only and hash-chained. What `append` returned survives a kill."""

    async def append(self, draft: Draft) -> Entry:
        """Write one event durably. Raises Conflict when the incident moved on past `expected`, LeaseLost when
        `lease` is given and no longer the newest, Unavailable when the store does not answer."""
        ...

    async def entries(self, incident: str, after: int = 0) -> Sequence[Entry]:
        """The events of one incident ("" for those of the whole system), oldest first."""
        ...

    async def histories(self, incidents: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        """The events of several incidents, oldest first; those that have none are left out."""
        ...

    def all_entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Every event with a sequence above `after`, oldest first."""
        ...

    async def open_incidents(self) -> Sequence[str]:
        """Ids of incidents that are not in a terminal state, oldest first."""
        ...

    async def recent_incidents(self, since: datetime | None = None, limit: int = 200) -> Sequence[str]:
        """Ids of incidents detected at or after `since`, newest first."""
        ...

    async def acted_upon(self, effects_since: datetime, rejections_since: datetime) -> Sequence[str]:
        """Ids of incidents with an effect that was intended at or after the first instant, or a step that a person
        rejected at or after the second."""
        ...

    async def acquire(self, incident: str, owner: str, duration: timedelta, at: datetime) -> Lease:
        """Take or renew the lease. Raises LeaseLost when another owner holds it and it has not expired at `at`."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back; giving back a lost one does nothing."""
        ...

    async def verify(self) -> int:
        """Recompute the hash chain; the number of events. Raises JournalCorrupt at the first that does not fit."""
        ...

    async def close(self) -> None: ...
