"""Alerts straight from Prometheus, vmalert or Loki's ruler, as they are sent to an Alertmanager.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, `postAlerts`
"""

from datetime import datetime

import msgspec

from akeso.domain.detection.anomaly import Alert
from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.alertmanager import WireAlert, alert_of
from akeso.protocols.instant import moment, nanoseconds_of
from akeso.protocols.json_body import accept_json
from akeso.protocols.json_items import JsonItems
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.rejections import Rejections


class _Posted(msgspec.Struct, rename="camel", frozen=True):
    labels: dict[str, str]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    annotations: dict[str, str] | None = None
    generator_url: str | None = msgspec.field(default=None, name="generatorURL")


class PrometheusAlerts:
    """One Alert for each that is posted, which is over once its `endsAt` has passed. Those that do not fit are left out
    and told with 400, as Alertmanager does it.

    service_labels: the labels that may name the service, the first that is there decides.
    """

    name = "prometheus_alerts"
    paths = ("/api/v2/alerts",)

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS) -> None:
        self._service_labels = tuple(service_labels)
        self._items = JsonItems(_Posted)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        posted, places = self._items.decode_array(request.body, rejections)
        told = zip(places, posted, strict=True)
        alerts = tuple(rejections.sift(told, lambda each: self._alert(each, request)))
        rejections.check(len(alerts))
        answer = _refusal(rejections.sentence) if rejections else accept_json({})
        batch = TelemetryBatch(request.tenant, request.received_at)
        return Intake(batch, answer, alerts, rejections.rejected)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A sentence as JSON, as Alertmanager answers; 400 for what is wrong."""
        del request
        return _refusal(str(error), 400 if status == 422 else status)

    def _alert(self, posted: _Posted, request: IngestRequest) -> Alert:
        if not posted.labels.get("alertname"):
            raise InvalidInput("labels.alertname", "is missing")
        now = request.received_at
        over = (
            posted.ends_at is not None and posted.ends_at.year > 1 and nanoseconds_of(posted.ends_at, "endsAt") <= now
        )
        wire = WireAlert(
            "resolved" if over else "firing",
            {name: value for name, value in posted.labels.items() if value},
            posted.starts_at or moment(now),
            posted.ends_at,
            posted.annotations,
            posted.generator_url,
        )
        return alert_of(wire, request.tenant, self.name, self._service_labels)


def _refusal(text: str, status: int = 400) -> Answer:
    return Answer(status, msgspec.json.encode(text))
