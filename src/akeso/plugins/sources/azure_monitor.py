"""Alerts of Azure Monitor in the common schema. https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from akeso.domain.detection.anomaly import Severity
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, plain, single
from akeso.protocols.rejections import Rejections

_SEVERITIES = {"Sev0": Severity.CRITICAL, "Sev1": Severity.ERROR, "Sev2": Severity.WARNING}


class _Essentials(msgspec.Struct, frozen=True, rename="camel"):
    monitor_condition: Literal["Fired", "Resolved"]
    alert_id: str = ""
    origin_alert_id: str = ""
    alert_rule: str = ""
    severity: str = ""
    signal_type: str = ""
    monitoring_service: str = ""
    alert_target_ids: list[str] = msgspec.field(default_factory=list, name="alertTargetIDs")
    configuration_items: list[str] = []
    fired_date_time: str = ""
    resolved_date_time: str = ""
    description: str = ""


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    essentials: _Essentials
    custom_properties: dict[str, object] = {}


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    schema_id: Literal["azureMonitorCommonAlertSchema"]
    data: _Data


class AzureMonitor(AlertWebhook):
    """One alert a request; switch the common alert schema on in the action group. It is about its custom property
    `service`, else the last part of its first target."""

    name = "azure_monitor"
    paths = ("/api/v1/alerts/azure",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        del rejections
        data = one_of(_Notification, request).data
        alert = data.essentials
        target = (alert.alert_target_ids or alert.configuration_items or [""])[0]
        over = alert.monitor_condition == "Resolved"
        labels = {"alertname": alert.alert_rule, "target": target, "signal_type": alert.signal_type}
        return single(
            Told(
                identity=alert.alert_id or alert.origin_alert_id,
                title=alert.alert_rule or alert.description,
                severity=_SEVERITIES.get(alert.severity, Severity.INFO),
                over=over,
                at=(alert.resolved_date_time if over else alert.fired_date_time) or None,
                service=target.rstrip("/").rpartition("/")[2],
                labels=labels | plain(data.custom_properties),
                notes={"description": alert.description, "monitoring_service": alert.monitoring_service},
            )
        )
