"""The same alerts, as Alertmanager's PagerDuty integration sends them to the Events API v2.

https://prometheus.io/docs/alerting/latest/configuration/#pagerduty_config and
https://developer.pagerduty.com/docs/send-alert-event
"""

from hashlib import sha256
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.alerting.grouping import Grouping, Notification
from akeso.worlds.dialects.alertmanager import AlertmanagerOptions, common, evaluation
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.observation import Observation

_SEVERITIES = {"critical": "critical", "error": "error", "warning": "warning"}


class Pagerduty:
    """One event a group: triggered by a firing one, resolved when all of it ended."""

    name: ClassVar[str] = "pagerduty"
    Options: ClassVar[type[BaseModel]] = AlertmanagerOptions
    default_every_s: ClassVar[float] = 30.0

    def __init__(self, assignment: Assignment, options: AlertmanagerOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._outbox = assignment, Outbox()
        self._grouping = Grouping(options.route)
        self._evaluation = evaluation(assignment, options, assignment.every_s or self.default_every_s)

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for at, alert in self._evaluation.take(observation):
            self._grouping.take(at, alert)
        for notification in self._grouping.notifications(observation.end):
            headers = {"content-type": "application/json", "user-agent": "Alertmanager/0.28.1"}
            body = msgspec.json.encode(_event(notification))
            self._outbox.put(Delivery(notification.at, "alertmanager", "/v2/enqueue", headers, body))

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)


def _event(notification: Notification) -> dict[str, Any]:
    firing = [alert for alert in notification.alerts if not alert.ends]
    resolved = [alert for alert in notification.alerts if alert.ends]
    labels = common([alert.labels for alert in notification.alerts])
    title = (
        f"[{notification.status.upper()}{f':{len(firing)}' if firing else ''}] {' '.join(notification.labels.values())}"
    )
    found: dict[str, Any] = {
        "routing_key": "R0UTINGKEY0000000000000000000000",
        "dedup_key": sha256(notification.key.encode()).hexdigest(),
        "event_action": "trigger" if firing else "resolve",
    }
    if firing:
        details = labels | {"num_firing": str(len(firing)), "num_resolved": str(len(resolved))}
        details["firing"] = "\n".join(alert.annotations["summary"] for alert in firing)
        found["payload"] = {
            "summary": title,
            "source": "Alertmanager",
            "severity": _SEVERITIES.get(labels.get("severity", ""), "error"),
            "custom_details": details,
        }
        found |= {"client": "Alertmanager", "client_url": "http://alertmanager.monitoring:9093"}
    return found
