"""Mark incidents in Grafana's dashboards. https://grafana.com/docs/grafana/latest/developers/http_api/annotations/"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.targets.channel import given, http_address, message_of, severity_of
from akeso.targets.http import call


class Grafana:
    """An annotation for each notice, with the tags `akeso`, the service and the severity; a dashboard shows those whose
    tags it asks for.

    url: Grafana's address; token: of a service account that may write annotations. from_severity: of incidents that
    are told at all. console: where readers reach Akeso's page. call_s: seconds for an answer.
    """

    name = "grafana"
    example_options: ClassVar[Mapping[str, object]] = {"url": "http://127.0.0.1:9004", "token": "x"}

    def __init__(
        self, url: str, token: str, from_severity: str = "info", console: str = "", call_s: float = 10.0
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._url = f"{http_address('url', url).rstrip('/')}/api/annotations"
        self._headers, self._call_s = {"authorization": f"Bearer {given('token', token)}"}, call_s
        self._console, self._least = console, severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            told = message_of(incident, entry, self._console)
            body = {
                "time": round(entry.at.timestamp() * 1000),
                "tags": ["akeso", incident.service, incident.severity.name.lower()],
                "text": "\n".join(filter(None, (told.line, told.link))),
            }
            await call("POST", self._url, self._call_s, body, self._headers)
