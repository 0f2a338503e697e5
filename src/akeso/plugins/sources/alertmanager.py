"""Alerts of Prometheus Alertmanager (webhook version 4) and of Grafana, which speaks the same."""

from typing import Annotated

import msgspec
from msgspec import Meta

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.alertmanager import WireAlert, alert_of
from akeso.protocols.json_body import accept_json, parse_json, refuse_json
from akeso.protocols.labels import SERVICE_LABELS


class _Notification(msgspec.Struct, rename="camel", frozen=True):
    version: str
    alerts: Annotated[list[WireAlert], Meta(max_length=10_000)]
    org_id: int | None = None
    external_url: str | None = msgspec.field(default=None, name="externalURL")


class Alertmanager:
    """One Alert for each of a notification's alerts. The same notification again yields the same alerts.

    service_labels: the labels that may name the service, the first that is there decides; an alert without any is
    about the service `unknown_service`.
    """

    name = "alertmanager"
    paths = ("/api/v1/alerts/alertmanager",)

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._decoder = msgspec.json.Decoder(_Notification)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        notification = parse_json(self._decoder, request.body)
        _check_version(notification)
        alerts = tuple(
            alert_of(alert, request.tenant, self.name, self._service_labels, f"alerts[{index}]")
            for index, alert in enumerate(notification.alerts)
        )
        answer = accept_json({"status": "ok", "alerts": len(alerts)})
        return Intake(TelemetryBatch(request.tenant, request.received_at), answer, alerts)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)


def _check_version(notification: _Notification) -> None:
    # Grafana's webhook has the same body, an organisation, and counts its versions from 1.
    if notification.version == "4" or (notification.version == "1" and notification.org_id is not None):
        return
    raise InvalidInput("version", f"{notification.version!r} is not understood; there is '4'")
