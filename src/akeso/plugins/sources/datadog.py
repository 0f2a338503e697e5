"""Monitors of Datadog, by its webhooks integration. https://docs.datadoghq.com/integrations/webhooks/"""

import re
from collections.abc import Iterable

import msgspec

from akeso.domain.detection.anomaly import Severity
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, single, tagged
from akeso.protocols.rejections import Rejections

_PRIORITIES = {
    "p1": Severity.CRITICAL,
    "p2": Severity.ERROR,
    "p3": Severity.WARNING,
    "p4": Severity.INFO,
    "p5": Severity.INFO,
}
_TYPES = {"error": Severity.ERROR, "warning": Severity.WARNING, "info": Severity.INFO, "success": Severity.INFO}
_STATE = re.compile(r"^\s*(?:\[P[1-5]\]\s*)?\[(?P<state>[A-Za-z- ]+?)(?: on \{?.*?)?\]\s*")


class _Event(msgspec.Struct, frozen=True):
    title: str
    body: str = ""
    id: str = ""
    transition: str = ""
    type: str = ""
    priority: str = ""
    alert_id: str = ""
    cycle_key: str = ""
    scope: str = ""
    tags: str = ""
    hostname: str = ""
    link: str = ""
    date: str = ""
    last_updated: str = ""


class Datadog(AlertWebhook):
    """Datadog's own payload, and the fuller one of docs/senders.md (`$ALERT_TRANSITION`, `$ALERT_ID`, `$TAGS`, …).

    An alert is its cycle key, else the monitor and its scope, else its title without the state in brackets.
    """

    name = "datadog"
    paths = ("/api/v1/alerts/datadog",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        del rejections
        event = one_of(_Event, request)
        bracketed = _STATE.match(event.title)
        state = (event.transition or (bracketed["state"] if bracketed else "")).lower()
        name = event.title[bracketed.end() :] if bracketed else event.title
        labels = tagged(event.tags.split(",")) | tagged(event.scope.split(","))
        monitor = f"{event.alert_id} {event.scope}" if event.alert_id else ""
        return single(
            Told(
                identity=event.cycle_key or monitor or name,
                title=name,
                severity=_severity(event, state),
                over=state.startswith("recover") or (not state and event.type == "success"),
                at=event.date or event.last_updated or None,
                service=event.hostname,
                labels=labels,
                notes={"description": event.body, "link": event.link, "id": event.id, "transition": event.transition},
            )
        )


def _severity(event: _Event, state: str) -> Severity:
    by_state = Severity.WARNING if "warn" in state or "no data" in state else Severity.ERROR
    return _PRIORITIES.get(event.priority.lower()) or _TYPES.get(event.type.lower(), by_state)
