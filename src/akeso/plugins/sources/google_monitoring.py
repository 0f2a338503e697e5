"""Incidents of Google Cloud Monitoring, by a webhook channel. https://cloud.google.com/monitoring/support/notification-options#webhooks"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from akeso.domain.detection.anomaly import Severity
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, plain, single
from akeso.protocols.rejections import Rejections

_SEVERITIES = {"critical": Severity.CRITICAL, "error": Severity.ERROR, "warning": Severity.WARNING}
# Labels of monitored resources that name what a person would call the service.
_NAMES = ("service_name", "function_name", "container_name", "module_id", "database_id", "cluster_name", "instance_id")


class _Labelled(msgspec.Struct, frozen=True):
    type: str = ""
    labels: Any = None


class _Incident(msgspec.Struct, frozen=True):
    incident_id: str
    state: Literal["open", "closed"]
    summary: str = ""
    policy_name: str = ""
    condition_name: str = ""
    severity: str = ""
    url: str = ""
    started_at: str | int | float | None = None
    ended_at: str | int | float | None = None
    resource: _Labelled = _Labelled()
    metric: _Labelled = _Labelled()
    resource_display_name: str = ""
    policy_user_labels: Any = None
    documentation: Any = None


class _Notification(msgspec.Struct, frozen=True):
    incident: _Incident


class GoogleMonitoring(AlertWebhook):
    """One incident a request. It is about the policy's user label `service`, else what its resource names."""

    name = "google_monitoring"
    paths = ("/api/v1/alerts/google",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        del rejections
        incident = one_of(_Notification, request).incident
        over = incident.state == "closed"
        resource = plain(incident.resource.labels)
        named = next((resource[name] for name in _NAMES if resource.get(name)), incident.resource_display_name)
        return single(
            Told(
                identity=incident.incident_id,
                title=incident.policy_name or incident.condition_name or incident.summary,
                severity=_SEVERITIES.get(incident.severity.lower(), Severity.WARNING),
                over=over,
                at=incident.ended_at if over else incident.started_at,
                service=named,
                labels=resource
                | plain(incident.metric.labels)
                | plain(incident.policy_user_labels)
                | {"resource_type": incident.resource.type, "metric_type": incident.metric.type},
                notes={
                    "summary": incident.summary,
                    "condition": incident.condition_name,
                    "url": incident.url,
                    "documentation": plain(incident.documentation).get("content", ""),
                },
            )
        )
