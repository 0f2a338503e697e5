"""Alerts in Alertmanager's form, as its webhook sends and its API tells them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.estate.identity import is_fallback, unnamed
from akeso.protocols.instant import moment, nanoseconds_of
from akeso.protocols.labels import service_of

_SEVERITIES = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "disaster", "p1", "sev1"), Severity.CRITICAL),
    **dict.fromkeys(("error", "high", "major", "p2", "sev2"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn", "medium", "average", "minor", "p3", "sev3"), Severity.WARNING),
    **dict.fromkeys(("info", "informational", "low", "none", "p4", "p5", "sev4"), Severity.INFO),
}


class WireAlert(msgspec.Struct, rename="camel", frozen=True):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    annotations: dict[str, str] | None = None
    generator_url: str | None = msgspec.field(default=None, name="generatorURL")
    fingerprint: str = ""


def alert_of(wire: WireAlert, tenant: str, source: str, service_labels: tuple[str, ...]) -> Alert:
    """The alert. Raises InvalidInput naming a date that is none."""
    annotations = dict(wire.annotations or {})
    if wire.generator_url:
        annotations["generatorURL"] = wire.generator_url
    fingerprint, title = wire.fingerprint or _fingerprint(wire.labels), _title(wire.labels, annotations)
    service = service_of(wire.labels, service_labels)
    if is_fallback(service):
        service = unnamed(wire.labels.get("alertname") or title, fingerprint)
    return Alert(
        tenant=tenant,
        fingerprint=fingerprint,
        source=source,
        service=service,
        title=title,
        severity=severity_named(wire.labels.get("severity", "")),
        status=AlertStatus(wire.status),
        starts_at=moment(nanoseconds_of(wire.starts_at, "startsAt")),
        ends_at=_end(wire),
        labels=tuple(sorted(wire.labels.items())),
        annotations=tuple(sorted(annotations.items())),
    )


def severity_named(name: str) -> Severity:
    """The severity by any of the names that people give it, WARNING for a name nobody agreed on."""
    return _SEVERITIES.get(name.lower(), Severity.WARNING)


def _end(wire: WireAlert) -> datetime | None:
    # Go writes a time that was never set as the year 1; of a firing alert the end is only a forecast.
    if wire.status == "firing" or wire.ends_at is None or wire.ends_at.year <= 1:
        return None
    return moment(nanoseconds_of(wire.ends_at, "endsAt"))


def _title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    return annotations.get("summary") or labels.get("alertname") or annotations.get("description") or "alert"


def _fingerprint(labels: Mapping[str, str]) -> str:
    """As Alertmanager tells it (FNV-1a over names and values, each ended by 0xff), so that an alert that comes straight
    and by way of an Alertmanager is one."""
    text = b"".join(b"%b\xff%b\xff" % (name.encode(), value.encode()) for name, value in sorted(labels.items()))
    found = 0xCBF29CE484222325
    for byte in text:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"
