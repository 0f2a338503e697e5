"""Prometheus Alertmanager, asked for the alerts it holds."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

import msgspec

from akeso.domain.detection.anomaly import Alert, AlertStatus
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.pullers._endpoint import Endpoint
from akeso.ports.puller import Address, PullRequest, PullResult
from akeso.protocols.alertmanager import WireAlert, alert_of
from akeso.protocols.instant import moment
from akeso.protocols.json_items import read_items
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.rejections import Rejections


class _State(msgspec.Struct, frozen=True):
    state: Literal["active", "suppressed", "unprocessed"]


class _Held(msgspec.Struct, frozen=True, rename="camel"):
    labels: dict[str, str]
    starts_at: datetime
    fingerprint: str
    status: _State
    annotations: dict[str, str] | None = None
    generator_url: str | None = msgspec.field(default=None, name="generatorURL")


class Alertmanager:
    """Tells each alert of `/api/v2/alerts` once when it fires, and once more when Alertmanager no longer has it.

    Silenced and inhibited alerts are not told; one that was told before it was silenced stays open until it is gone.
    An alert that ends while Akeso is down is not seen to end.
    """

    name = "alertmanager"

    def __init__(
        self,
        address: Address,
        service_labels: tuple[str, ...] = SERVICE_LABELS,
    ) -> None:
        self._endpoint = Endpoint(address)
        self._labels = tuple(service_labels)
        self._decoder, self._item = msgspec.json.Decoder(list[msgspec.Raw]), msgspec.json.Decoder(_Held)
        self._declared: dict[tuple[str, datetime], Alert] = {}

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        """See akeso.ports.puller.Puller."""
        del table
        told = await self._endpoint.get("/api/v2/alerts", {"unprocessed": "false"}, self._decoder)
        rejections = Rejections()
        held = read_items(told, self._item, "", rejections)
        read = rejections.sift(
            ((each.fingerprint, each) for each in held),
            lambda each: (self._alert(each, request), each.status.state),
        )
        alerts = {_identity(alert): (alert, state) for alert, state in read}
        news = [alert for key, (alert, state) in alerts.items() if key not in self._declared and state == "active"]
        at = moment(request.until)
        over = [
            replace(alert, status=AlertStatus.RESOLVED, ends_at=max(at, alert.starts_at))
            for key, alert in self._declared.items()
            if key not in alerts and not rejections  # it may be one of those that cannot be read
        ]
        return PullResult(
            TelemetryBatch(request.tenant, request.until), request.until, (*news, *over), rejected=rejections.rejected
        )

    def accepted(self, pulled: PullResult) -> None:
        """Remembers what was told."""
        for alert in pulled.alerts:
            if alert.status is AlertStatus.FIRING:
                self._declared[_identity(alert)] = alert
            else:
                self._declared.pop(_identity(alert), None)

    async def close(self) -> None:
        """See akeso.ports.puller.Puller."""
        await self._endpoint.close()

    def _alert(self, held: _Held, request: PullRequest) -> Alert:
        wire = WireAlert(
            "firing", held.labels, held.starts_at, None, held.annotations, held.generator_url, held.fingerprint
        )
        return alert_of(wire, request.tenant, self.name, self._labels)


def _identity(alert: Alert) -> tuple[str, datetime]:
    return alert.fingerprint, alert.starts_at
