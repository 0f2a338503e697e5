"""Tell Opsgenie, and what speaks its Alert API. https://docs.opsgenie.com/docs/alert-api"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import given, http_address, message_of, severity_of
from akeso.targets.http import call

_PRIORITIES = MappingProxyType(
    {Severity.CRITICAL: "P1", Severity.ERROR: "P2", Severity.WARNING: "P3", Severity.INFO: "P5"}
)


class Opsgenie:
    """One alert an incident: its id is the alias, so that what is told twice is one. One that is resolved or closed
    closes it.

    key: of an API integration. from_severity: of incidents that are told at all. console: where readers reach Akeso's
    page. url: `https://api.eu.opsgenie.com` for accounts in Europe. call_s: seconds for an answer.
    """

    name = "opsgenie"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {"key": "x", "url": "http://127.0.0.1:9004"}

    def __init__(
        self,
        key: str,
        from_severity: str = "info",
        console: str = "",
        url: str = "https://api.opsgenie.com",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._url, self._key = f"{http_address('url', url).rstrip('/')}/v2/alerts", given("key", key)
        self._call_s, self._console = call_s, console
        self._least = severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity < self._least:
            return
        told, headers = message_of(incident, entry, self._console), {"authorization": f"GenieKey {self._key}"}
        if told.ends:
            place, query = f"{self._url}/{incident.id}/close", {"identifierType": "alias"}
            await call("POST", place, self._call_s, {"source": "Akeso", "note": told.line}, headers, query)
            return
        body = {
            "message": told.line[:130],
            "alias": incident.id,
            "description": "\n".join(filter(None, (told.line, told.link))),
            "priority": _PRIORITIES.get(incident.severity, "P3"),
            "entity": incident.service,
            "source": "Akeso",
            "details": dict(told.facts),
        }
        await call("POST", self._url, self._call_s, body, headers)
