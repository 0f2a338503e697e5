"""Notifiers: tell people."""

from typing import Protocol, runtime_checkable

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident


@runtime_checkable
class Notifier(Protocol):
    """Tells somebody about an incident event (see akeso.domain.incident.notice for which, and for a headline).

    Its constructor takes the options of its table in the settings as keyword arguments. What it raises is retried by
    the caller and never stops healing, so the same event may be told more than once: `entry.incident` and
    `entry.sequence` together name it.

    A class that says `one_an_incident = True` keeps one thing an incident (a page, a ticket): what it is told of
    several incidents is never put together into one message.
    """

    name: str

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Returns once it was told. Raises an AkesoError when it was not."""
        ...
