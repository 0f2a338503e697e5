"""Alerts of Prometheus Alertmanager (webhook version 4) and of Grafana, which speaks the same."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from akeso.domain.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.series import SeriesTable
from akeso.domain.telemetry import TelemetryBatch
from akeso.plugins.sources._wire.body import accept_json, parse_json, refuse_json
from akeso.plugins.sources._wire.instant import moment, nanoseconds_of
from akeso.ports.source import Answer, IngestRequest, Intake

_SERVICE_LABELS = ("service", "service_name", "app", "app_kubernetes_io_name", "deployment", "container", "job")
_SEVERITIES = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "disaster", "p1", "sev1"), Severity.CRITICAL),
    **dict.fromkeys(("error", "high", "major", "p2", "sev2"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn", "medium", "average", "minor", "p3", "sev3"), Severity.WARNING),
    **dict.fromkeys(("info", "informational", "low", "none", "p4", "p5", "sev4"), Severity.INFO),
}


class _Alert(msgspec.Struct, rename="camel", frozen=True):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    annotations: dict[str, str] | None = None
    generator_url: str | None = msgspec.field(default=None, name="generatorURL")
    fingerprint: str = ""


class _Notification(msgspec.Struct, rename="camel", frozen=True):
    version: str
    alerts: Annotated[list[_Alert], Meta(max_length=10_000)]
    org_id: int | None = None
    external_url: str | None = msgspec.field(default=None, name="externalURL")


class Alertmanager:
    """One Alert for each of a notification's alerts. The same notification again yields the same alerts.

    service_labels: the labels that may name the service, the first that is there decides; an alert without any is
    about the service `unknown_service`.
    """

    name = "alertmanager"
    paths = ("/api/v1/alerts/alertmanager",)

    def __init__(self, service_labels: tuple[str, ...] = _SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._decoder = msgspec.json.Decoder(_Notification)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        notification = parse_json(self._decoder, request.body)
        _check_version(notification)
        alerts = tuple(
            self._alert(alert, request, f"alerts[{index}]") for index, alert in enumerate(notification.alerts)
        )
        answer = accept_json({"status": "ok", "alerts": len(alerts)})
        return Intake(TelemetryBatch(request.tenant, request.received_at), answer, alerts)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)

    def _alert(self, alert: _Alert, request: IngestRequest, place: str) -> Alert:
        starts_at = moment(nanoseconds_of(alert.starts_at, f"{place}.startsAt"))
        annotations = dict(alert.annotations or {})
        if alert.generator_url:
            annotations["generatorURL"] = alert.generator_url
        return Alert(
            tenant=request.tenant,
            fingerprint=alert.fingerprint or _fingerprint(alert.labels),
            source=self.name,
            service=next((alert.labels[name] for name in self._service_labels if alert.labels.get(name)), _UNKNOWN),
            title=_title(alert.labels, annotations),
            severity=_SEVERITIES.get(alert.labels.get("severity", "").lower(), Severity.WARNING),
            status=AlertStatus(alert.status),
            starts_at=starts_at,
            ends_at=_end(alert, place),
            labels=tuple(sorted(alert.labels.items())),
            annotations=tuple(sorted(annotations.items())),
        )


_UNKNOWN = "unknown_service"


def _check_version(notification: _Notification) -> None:
    # Grafana's webhook has the same body, an organisation, and counts its versions from 1.
    if notification.version == "4" or (notification.version == "1" and notification.org_id is not None):
        return
    raise InvalidInput("version", f"{notification.version!r} is not understood; there is '4'")


def _end(alert: _Alert, place: str) -> datetime | None:
    # Go writes a time that was never set as the year 1; of a firing alert the end is only a forecast.
    if alert.status == "firing" or alert.ends_at is None or alert.ends_at.year <= 1:
        return None
    return moment(nanoseconds_of(alert.ends_at, f"{place}.endsAt"))


def _title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    return annotations.get("summary") or labels.get("alertname") or annotations.get("description") or "alert"


def _fingerprint(labels: Mapping[str, str]) -> str:
    identity = "\0".join(f"{name}\1{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
