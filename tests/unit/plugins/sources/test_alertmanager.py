import json
from datetime import UTC, datetime
from typing import Any

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.alertmanager import Alertmanager
from akeso.testing.requests.sources import request_to

# As Alertmanager 0.27 sends it.
FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "HighLatency", "service": "cart", "job": "k8s", "severity": "critical"},
    "annotations": {"summary": "cart is slow"},
    "startsAt": "2026-03-01T12:00:00.739266876+02:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "9a1b",
}
NOTIFICATION: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="HighLatency"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "akeso",
    "groupLabels": {"alertname": "HighLatency"},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager",
    "alerts": [FIRING],
}


def alerts_of(notification: dict[str, Any], source: Alertmanager | None = None) -> tuple[Alert, ...]:
    request = request_to("/api/v1/alerts/alertmanager", json.dumps(notification).encode())
    intake = (source or Alertmanager()).decode(request, SeriesTable())
    assert intake.answer.status == 200
    assert len(intake.batch) == 0
    return intake.alerts


def alert_of(**changes: Any) -> Alert:
    (alert,) = alerts_of(NOTIFICATION | {"alerts": [FIRING | changes]})
    return alert


def test_a_notification_becomes_an_alert() -> None:
    assert alert_of() == Alert(
        tenant="default",
        fingerprint="9a1b",
        source="alertmanager",
        service="cart",
        title="cart is slow",
        severity=Severity.CRITICAL,
        status=AlertStatus.FIRING,
        starts_at=datetime(2026, 3, 1, 10, 0, 0, 739267, tzinfo=UTC),
        ends_at=None,
        labels=(("alertname", "HighLatency"), ("job", "k8s"), ("service", "cart"), ("severity", "critical")),
        annotations=(("generatorURL", "http://prometheus/graph"), ("summary", "cart is slow")),
    )


def test_a_resolved_alert_closes_the_same_alert() -> None:
    resolved = alert_of(status="resolved", endsAt="2026-03-01T10:05:00Z")
    firing = alert_of()
    assert (resolved.fingerprint, resolved.starts_at) == (firing.fingerprint, firing.starts_at)
    assert (resolved.status, resolved.ends_at) == (AlertStatus.RESOLVED, datetime(2026, 3, 1, 10, 5, tzinfo=UTC))


def test_the_same_notification_again_is_the_same_alerts() -> None:
    assert alerts_of(NOTIFICATION) == alerts_of(NOTIFICATION)


def test_every_alert_of_a_group_is_taken() -> None:
    group = [FIRING | {"fingerprint": str(number)} for number in range(3)]
    assert [alert.fingerprint for alert in alerts_of(NOTIFICATION | {"alerts": group})] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "a", "job": "b"}, "a"),
        ({"service_name": "a", "job": "b"}, "a"),
        ({"app": "a", "job": "b"}, "a"),
        ({"job": "b"}, "b"),
        ({"service": "", "job": "b"}, "b"),
        ({"alertname": "X"}, "unnamed X (9a1b)"),
    ],
)
def test_the_service_is_told_from_the_labels(labels: dict[str, str], service: str) -> None:
    assert alert_of(labels=labels).service == service


def test_the_labels_that_name_a_service_are_an_option() -> None:
    (alert,) = alerts_of(NOTIFICATION | {"alerts": [FIRING]}, Alertmanager(service_labels=("job",)))
    assert alert.service == "k8s"


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ({"severity": "page"}, Severity.CRITICAL),
        ({"severity": "High"}, Severity.ERROR),
        ({"severity": "warning"}, Severity.WARNING),
        ({"severity": "info"}, Severity.INFO),
        ({"severity": "purple"}, Severity.WARNING),
        ({}, Severity.WARNING),
    ],
)
def test_severities_of_many_houses_are_understood(label: dict[str, str], severity: Severity) -> None:
    assert alert_of(labels=label).severity == severity


def test_an_alert_without_fingerprint_gets_one_from_its_labels() -> None:
    one, same = (alert_of(fingerprint="") for _ in range(2))
    other = alert_of(fingerprint="", labels=FIRING["labels"] | {"service": "web"})
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.fingerprint


def test_grafana_counts_its_versions_differently() -> None:
    grafana = NOTIFICATION | {"version": "1", "orgId": 1, "values": None, "title": "[FIRING:1]"}
    assert len(alerts_of(grafana)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": "3"}, "version"),
        ({"version": "1"}, "version"),
        ({"version": 4}, "version"),
        ({"alerts": {}}, "alerts"),
        ({"alerts": [FIRING | {"status": "odd"}]}, "alerts[0].status"),
        ({"alerts": [FIRING | {"startsAt": "noon"}]}, "alerts[0].startsAt"),
        ({"alerts": [FIRING | {"startsAt": "0001-01-01T00:00:00Z"}]}, "alerts[0].startsAt"),
        ({"alerts": [FIRING | {"labels": {"a": 1}}]}, "alerts[0].labels[...]"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        alerts_of(NOTIFICATION | change)
    assert refused.value.field == field


def test_a_missing_version_is_named() -> None:
    with pytest.raises(InvalidInput, match="version: is missing"):
        alerts_of({name: value for name, value in NOTIFICATION.items() if name != "version"})
