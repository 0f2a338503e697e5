"""Notifiers: tell people."""

from typing import Protocol, runtime_checkable

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident


@runtime_checkable
class Notifier(Protocol):
    """Tells somebody about an incident event. Failure is retried by the caller and never stops healing."""

    name: str

    async def notify(self, incident: Incident, entry: Entry) -> None: ...
