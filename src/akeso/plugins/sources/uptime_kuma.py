"""Monitors of Uptime Kuma, by its webhook notification. https://github.com/louislam/uptime-kuma/wiki/Notification-Methods"""

from collections.abc import Iterable
from typing import Any

import msgspec

from akeso.domain.detection.anomaly import Severity
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, single
from akeso.protocols.rejections import Rejections

_DOWN, _UP = 0, 1


class _Heartbeat(msgspec.Struct, frozen=True):
    status: int
    msg: str = ""
    time: str = ""


class _Monitor(msgspec.Struct, frozen=True):
    id: int | str
    name: str = ""
    url: str = ""
    hostname: str = ""
    type: str = ""
    tags: list[dict[str, Any]] = []


class _Notification(msgspec.Struct, frozen=True):
    msg: str
    heartbeat: _Heartbeat | None = None
    monitor: _Monitor | None = None


class UptimeKuma(AlertWebhook):
    """A monitor that is down, and up again (body of the preset "application/json"). What has no heartbeat (a test, a
    certificate that ends soon), is pending or in maintenance, changes nothing. It is about the monitor's tag `service`,
    else about the monitor's name."""

    name = "uptime_kuma"
    paths = ("/api/v1/alerts/uptime-kuma",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        del rejections
        told = one_of(_Notification, request)
        beat, monitor = told.heartbeat, told.monitor
        if beat is None or monitor is None or beat.status not in {_DOWN, _UP}:
            return single(None)
        tags = {str(tag["name"]): str(tag.get("value") or "true") for tag in monitor.tags if "name" in tag}
        return single(
            Told(
                identity=str(monitor.id),
                title=f"{monitor.name or monitor.id} is down",
                severity=Severity.CRITICAL,
                over=beat.status == _UP,
                at=beat.time or None,
                service=monitor.name or monitor.hostname,
                labels=tags | {"alertname": "MonitorDown", "monitor": monitor.name, "type": monitor.type},
                notes={"description": beat.msg or told.msg, "url": monitor.url},
            )
        )
