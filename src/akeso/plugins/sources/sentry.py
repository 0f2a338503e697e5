"""Issues and alerts of Sentry, by an internal integration. https://docs.sentry.io/organization/integrations/integration-platform/webhooks/"""

from collections.abc import Iterable
from typing import Any

import msgspec

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, single
from akeso.protocols.rejections import Rejections

_LEVELS = {"fatal": Severity.CRITICAL, "critical": Severity.CRITICAL, "error": Severity.ERROR, "info": Severity.INFO}
_LEVELS |= {"debug": Severity.INFO}
_OPENING = frozenset({"created", "unresolved", "triggered", "critical", "warning"})
_ENDING = frozenset({"resolved", "archived", "ignored"})


class _Project(msgspec.Struct, frozen=True):
    slug: str = ""
    name: str = ""


class _Issue(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    title: str = ""
    culprit: str = ""
    level: str = "error"
    project: _Project = _Project()
    first_seen: str = ""
    web_url: str = msgspec.field(name="web_url", default="")


class _Event(msgspec.Struct, frozen=True):
    issue_id: str | int = ""
    event_id: str = ""
    title: str = ""
    culprit: str = ""
    level: str = "error"
    datetime: str = ""
    web_url: str = ""
    project: Any = None
    tags: Any = None


class _MetricAlert(msgspec.Struct, frozen=True):
    id: str | int
    title: str = ""
    projects: list[str] = []
    date_started: str = ""
    date_detected: str = ""


class _Data(msgspec.Struct, frozen=True):
    issue: _Issue | None = None
    event: _Event | None = None
    metric_alert: _MetricAlert | None = None
    description_title: str = ""
    description_text: str = ""
    triggered_rule: str = ""
    web_url: str = ""


class _Hook(msgspec.Struct, frozen=True):
    action: str
    data: _Data


class Sentry(AlertWebhook):
    """Issues (created, resolved, archived), issue alerts and metric alerts; an issue is one alert, whichever of the
    first two tells of it. Other actions change nothing."""

    name = "sentry"
    paths = ("/api/v1/alerts/sentry",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        del rejections
        hook = one_of(_Hook, request)
        data = hook.data
        if hook.action not in _OPENING | _ENDING:
            return single(None)
        if data.metric_alert is not None:
            return single(_of_metric(data.metric_alert, data, hook.action))
        if data.event is not None:
            return single(_of_event(data.event, data.triggered_rule))
        if data.issue is not None:
            return single(_of_issue(data.issue, hook.action))
        raise InvalidInput("data", "has neither an issue, an event nor a metric_alert")


def _of_issue(issue: _Issue, action: str) -> Told:
    over = action in _ENDING
    return Told(
        identity=f"issue {issue.id}",
        title=issue.title,
        severity=_LEVELS.get(issue.level, Severity.WARNING),
        over=over,
        at=None if over else issue.first_seen or None,
        service=issue.project.slug or issue.project.name,
        labels={"project": issue.project.slug, "level": issue.level},
        notes={"culprit": issue.culprit, "url": issue.web_url, "action": action},
    )


def _of_event(event: _Event, rule: str) -> Told:
    pairs = event.tags if isinstance(event.tags, list) else []
    tags = {str(pair[0]): str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2}
    return Told(
        identity=f"issue {event.issue_id}" if event.issue_id else event.event_id,
        title=event.title,
        severity=_LEVELS.get(event.level, Severity.WARNING),
        over=False,
        at=event.datetime or None,
        service=tags.get("service") or (str(event.project) if event.project else ""),
        labels=tags | {"level": event.level},
        notes={"culprit": event.culprit, "rule": rule, "url": event.web_url},
    )


def _of_metric(alert: _MetricAlert, data: _Data, action: str) -> Told:
    return Told(
        identity=f"metric_alert {alert.id}",
        title=data.description_title or alert.title,
        severity=Severity.CRITICAL if action == "critical" else Severity.WARNING,
        over=action in _ENDING,
        at=None if action in _ENDING else alert.date_started or alert.date_detected or None,
        service=next(iter(alert.projects), ""),
        labels={"project": next(iter(alert.projects), "")},
        notes={"description": data.description_text, "url": data.web_url},
    )
