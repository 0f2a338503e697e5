"""Tell PagerDuty, and whatever speaks its Events API v2. https://developer.pagerduty.com/docs/events-api-v2/overview/"""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import headline, notice_of
from akeso.targets.channel import given, http_address, severity_of
from akeso.targets.http import call


class Pagerduty:
    """One PagerDuty alert an incident: its id is the `dedup_key`, so that what is told twice is one. One that is
    resolved or closed resolves it; all else triggers it, again with the newest words.

    routing_key: of the integration. url: where events are taken. from_severity: of incidents that are told at all.
    call_s: seconds for an answer.
    """

    name = "pagerduty"
    one_an_incident = True
    example_options: ClassVar[Mapping[str, object]] = {
        "routing_key": "R0123456789ABCDEF0123456789ABCDE",
        "url": "http://127.0.0.1:9004/v2/enqueue",
    }

    def __init__(
        self,
        routing_key: str,
        url: str = "https://events.pagerduty.com/v2/enqueue",
        from_severity: str = "info",
        call_s: float = 10.0,
    ) -> None:
        """Raises InvalidInput naming the option."""
        self._key, self._url, self._call_s = given("routing_key", routing_key), http_address("url", url), call_s
        self._least = severity_of("from_severity", from_severity)

    async def notify(self, incident: Incident, entry: Entry) -> None:
        """Raises RequestRefused, ActionFailed when it was never sent, Unavailable when nobody can tell."""
        if incident.severity >= self._least:
            await call("POST", self._url, self._call_s, self._event(incident, entry))

    def _event(self, incident: Incident, entry: Entry) -> Mapping[str, object]:
        notice = notice_of(entry.event)
        ends = notice is not None and notice.ends
        event = {"routing_key": self._key, "event_action": "resolve" if ends else "trigger", "dedup_key": incident.id}
        if ends:
            return event
        details = {"status": incident.status.value, "tenant": incident.tenant, "why": incident.why}
        payload = {
            "summary": headline(incident, entry.event)[:1024],
            "source": incident.service,
            "severity": incident.severity.name.lower(),
            "timestamp": entry.at.isoformat(),
            "component": incident.service,
            "custom_details": {name: value for name, value in details.items() if value},
        }
        return {**event, "payload": payload, "client": "Akeso"}
