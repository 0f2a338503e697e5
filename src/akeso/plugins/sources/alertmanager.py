"""Alerts of Prometheus Alertmanager (webhook version 4) and of Grafana, which speaks the same."""

from typing import Annotated

import msgspec
from msgspec import Meta

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.alertmanager import WireAlert, alert_of
from akeso.protocols.json_body import accept_json, refuse_json
from akeso.protocols.json_items import JsonItems, Part
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.rejections import Rejections


class _Notification(msgspec.Struct, rename="camel", frozen=True):
    version: str
    alerts: Annotated[list[WireAlert], Meta(max_length=10_000)]
    org_id: int | None = None
    external_url: str | None = msgspec.field(default=None, name="externalURL")


_PARTS = {_Notification: (Part("alerts", "alerts", WireAlert),)}


class Alertmanager:
    """One Alert for each of a notification's alerts. The same notification again yields the same alerts. An alert that
    does not fit is left out and named in the answer.

    service_labels: the labels that may name the service, the first that is there decides; an alert without any is
    about the service `unknown_service`.
    """

    name = "alertmanager"
    paths = ("/api/v1/alerts/alertmanager",)

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._items = JsonItems(_Notification, _PARTS)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        notification = self._items.decode(request.body, rejections)
        _check_version(notification)
        told = [(rejections.place("alerts", index), alert) for index, alert in enumerate(notification.alerts)]
        alerts = tuple(
            rejections.sift(told, lambda each: alert_of(each, request.tenant, self.name, self._service_labels))
        )
        rejections.check(len(alerts))
        said = {"status": "partial" if rejections else "ok", "alerts": len(alerts)} | rejections.content
        batch = TelemetryBatch(request.tenant, request.received_at)
        return Intake(batch, accept_json(said), alerts, rejections.rejected)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the field."""
        del request
        return refuse_json(error, status)


def _check_version(notification: _Notification) -> None:
    # Grafana's webhook has the same body, an organisation, and counts its versions from 1.
    if notification.version == "4" or (notification.version == "1" and notification.org_id is not None):
        return
    raise InvalidInput("version", f"{notification.version!r} is not understood; there is '4'")
