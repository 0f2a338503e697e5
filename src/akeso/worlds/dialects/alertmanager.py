"""Alerts of community rules, as an Alertmanager's webhook receiver gets them.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.alerting.evaluation import Evaluation
from akeso.worlds.dialects.alerting.grouping import Grouping, Notification, RouteOptions
from akeso.worlds.dialects.alerting.rule import FiringAlert
from akeso.worlds.dialects.alerting.rules import RULES, WATCHDOG
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.observation import Observation

_NEVER = "0001-01-01T00:00:00Z"
_URL = "http://alertmanager.monitoring:9093"


class AlertmanagerOptions(BaseModel):
    """rules: names, all when empty; shorter: factor on how long rules wait (`for`); watchdog: the alert that always
    fires is routed here as well; replicas: Alertmanagers that do not know of each other, so that each tells."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[str, ...] = ()
    shorter: float = Field(default=1.0, gt=0, le=1)
    watchdog: bool = False
    replicas: int = Field(default=1, ge=1, le=3)
    external: Mapping[str, str] = {"prometheus": "monitoring/k8s"}
    route: RouteOptions = RouteOptions()


class Alertmanager:
    """Rules are evaluated every 30 s, as kube-prometheus does."""

    name: ClassVar[str] = "alertmanager"
    Options: ClassVar[type[BaseModel]] = AlertmanagerOptions
    default_every_s: ClassVar[float] = 30.0

    def __init__(self, assignment: Assignment, options: AlertmanagerOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options, self._outbox = assignment, options, Outbox()
        self._grouping = Grouping(options.route)
        self._evaluation = evaluation(assignment, options, assignment.every_s or self.default_every_s)

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for at, alert in self._evaluation.take(observation):
            self._grouping.take(at, alert)
        for notification in self._grouping.notifications(observation.end):
            for replica in range(self._options.replicas):
                self._outbox.put(self._delivery(_told_by(notification, replica), replica))

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)

    def _delivery(self, notification: Notification, replica: int) -> Delivery:
        headers = {"content-type": "application/json", "user-agent": "Alertmanager/0.28.1"}
        body = msgspec.json.encode(_webhook(notification))
        sender = f"alertmanager-{replica}"
        return Delivery(notification.at, sender, "/api/v1/alerts/alertmanager", headers, body)


def evaluation(assignment: Assignment, options: AlertmanagerOptions, every_s: float) -> Evaluation:
    """The rules that were chosen."""
    chosen = [rule for rule in RULES if not options.rules or rule.name in options.rules]
    rules = [replace(rule, for_s=rule.for_s * options.shorter) for rule in chosen]
    return Evaluation(assignment, [*rules, *([WATCHDOG] if options.watchdog else [])], every_s, dict(options.external))


def common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    first, *others = maps
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def _told_by(notification: Notification, replica: int) -> Notification:
    """A second server evaluated a little later, and its Alertmanager tells a little later."""
    if not replica:
        return notification
    later = replica * 11 * SECOND
    alerts = [
        replace(each, starts=each.starts + later, ends=each.ends and each.ends + later) for each in notification.alerts
    ]
    return replace(notification, at=notification.at + replica * SECOND, alerts=alerts)


def _webhook(notification: Notification) -> dict[str, Any]:
    alerts = notification.alerts
    return {
        "receiver": "akeso",
        "status": notification.status,
        "alerts": [_alert(alert) for alert in alerts],
        "groupLabels": notification.labels,
        "commonLabels": common([alert.labels for alert in alerts]),
        "commonAnnotations": common([alert.annotations for alert in alerts]),
        "externalURL": _URL,
        "version": "4",
        "groupKey": notification.key,
        "truncatedAlerts": 0,
    }


def _alert(alert: FiringAlert) -> dict[str, Any]:
    return {
        "status": "resolved" if alert.ends else "firing",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": _iso(alert.starts),
        "endsAt": _iso(alert.ends) if alert.ends else _NEVER,
        "generatorURL": f"http://prometheus.monitoring:9090/graph?g0.expr={alert.labels['alertname']}&g0.tab=1",
        "fingerprint": alert.fingerprint,
    }


def _iso(at: int) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{at % SECOND // 10**6:03d}Z"
