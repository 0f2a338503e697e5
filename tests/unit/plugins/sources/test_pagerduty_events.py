import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidInput, Overloaded
from akeso.domain.telemetry.batches import Change
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.pagerduty_events import PagerdutyEvents
from akeso.ports.source import Intake
from akeso.testing.requests.sources import RECEIVED_AT, request_to

RECEIVED = datetime.fromtimestamp(RECEIVED_AT / 1e9, UTC)
# As PagerDuty's documentation has it.
TRIGGER: dict[str, Any] = {
    "payload": {
        "summary": "DISK at 99% on machine prod-datapipe03.example.com",
        "timestamp": "2015-07-17T08:42:58.315+0000",
        "severity": "critical",
        "source": "prod-datapipe03.example.com",
        "component": "mysql",
        "group": "prod-datapipe",
        "class": "disk",
        "custom_details": {"free space": "1%", "ping time": 1500, "nested": {"a": 1}},
    },
    "routing_key": "samplekeyhere",
    "dedup_key": "samplekeyhere",
    "images": [{"src": "https://www.pagerduty.com/x.png"}],
    "links": [{"href": "https://example.com/", "text": "Link text"}],
    "event_action": "trigger",
    "client": "Sample Monitoring Service",
    "client_url": "https://monitoring.example.com",
}
CHANGE: dict[str, Any] = {
    "routing_key": "samplekeyhere",
    "payload": {
        "summary": "Build Success - Increase snapshot create timeout to 30 seconds",
        "timestamp": "2015-07-17T08:42:58Z",
        "source": "acme-build-pipeline-tool-default-i-9999",
        "custom_details": {"build_state": "passed", "revision": "a1b2", "service": "cart", "user": "ada"},
    },
    "links": [{"href": "https://ci.example.com/7", "text": "View in CI"}],
}


def taken(event: object, path: str = "/v2/enqueue") -> Intake:
    intake = PagerdutyEvents().decode(request_to(path, json.dumps(event).encode()), SeriesTable())
    assert intake.answer.status == 202
    return intake


def alert_of(**changes: Any) -> Alert:
    (alert,) = taken(TRIGGER | changes).alerts
    return alert


def answer_of(intake: Intake) -> dict[str, str]:
    return dict(json.loads(intake.answer.body))


def payload(**changes: Any) -> dict[str, Any]:
    return {**TRIGGER["payload"], **changes}


def test_a_trigger_is_a_firing_alert() -> None:
    intake = taken(TRIGGER)
    assert answer_of(intake) == {"status": "success", "message": "Event processed", "dedup_key": "samplekeyhere"}
    (alert,) = intake.alerts
    assert (alert.service, alert.severity, alert.status) == ("mysql", Severity.CRITICAL, AlertStatus.FIRING)
    assert alert.title == "DISK at 99% on machine prod-datapipe03.example.com"
    assert alert.starts_at == datetime(2015, 7, 17, 8, 42, 58, 315_000, UTC)
    assert dict(alert.labels) == {
        "class": "disk",
        "component": "mysql",
        "group": "prod-datapipe",
        "free space": "1%",
        "ping time": "1500",
    }
    assert dict(alert.annotations) == {
        "source": "prod-datapipe03.example.com",
        "client": "Sample Monitoring Service",
        "client_url": "https://monitoring.example.com",
        "link": "https://example.com/",
    }


def test_a_resolution_ends_the_alert_of_its_key() -> None:
    firing = alert_of()
    (resolved,) = taken({"event_action": "resolve", "dedup_key": "samplekeyhere", "routing_key": "x"}).alerts
    assert resolved.fingerprint == firing.fingerprint
    assert resolved.status is AlertStatus.RESOLVED
    assert resolved.starts_at == resolved.ends_at == RECEIVED
    assert firing.starts_at <= resolved.starts_at


def test_a_clock_that_is_ahead_does_not_outlive_its_resolution() -> None:
    assert alert_of(payload=payload(timestamp="2050-01-01T00:00:00Z")).starts_at == RECEIVED


def test_an_acknowledgement_changes_nothing() -> None:
    intake = taken({"event_action": "acknowledge", "dedup_key": "k", "routing_key": "x"})
    assert (intake.alerts, len(intake.batch), answer_of(intake)["dedup_key"]) == ((), 0, "k")


def test_a_trigger_without_key_gets_one_of_its_content() -> None:
    nameless = {name: value for name, value in TRIGGER.items() if name != "dedup_key"}
    one, same, other = taken(nameless), taken(nameless), taken(nameless | {"client": "another"})
    keys = [answer_of(intake)["dedup_key"] for intake in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]
    assert one.alerts == same.alerts
    (resolved,) = taken({"event_action": "resolve", "dedup_key": keys[0]}).alerts
    assert resolved.fingerprint == one.alerts[0].fingerprint


def test_keys_of_tenants_are_apart() -> None:
    request = request_to("/v2/enqueue", json.dumps(TRIGGER).encode())
    other = type(request)(request.path, request.headers, request.body, "elsewhere", request.received_at)
    (alert,) = PagerdutyEvents().decode(other, SeriesTable()).alerts
    assert alert.fingerprint != alert_of().fingerprint


@pytest.mark.parametrize(
    ("changes", "service"),
    [
        ({"custom_details": {"service": "cart"}}, "cart"),
        ({"custom_details": "free text"}, "mysql"),
        ({"component": None}, "prod-datapipe"),
        ({"component": None, "group": ""}, "prod-datapipe03.example.com"),
    ],
)
def test_the_service_is_told_from_what_is_there(changes: dict[str, Any], service: str) -> None:
    assert alert_of(payload=payload(**changes)).service == service


@pytest.mark.parametrize(
    ("told", "severity"), [("error", Severity.ERROR), ("warning", Severity.WARNING), ("info", Severity.INFO)]
)
def test_severities_are_pagerdutys(told: str, severity: Severity) -> None:
    assert alert_of(payload=payload(severity=told)).severity is severity


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event_action": "celebrate"}, "event_action"),
        ({"dedup_key": "x" * 256}, "dedup_key"),
        ({"payload": None}, "payload"),
        ({"payload": payload(severity="purple")}, "payload.severity"),
        ({"payload": payload(summary="")}, "payload.summary"),
        ({"payload": payload(timestamp="noon")}, "payload.timestamp"),
        ({"payload": {"summary": "x", "severity": "info"}}, "payload.source"),
        ({"event_action": "resolve", "dedup_key": None}, "dedup_key"),
        ({"event_action": "acknowledge", "dedup_key": None}, "dedup_key"),
        ({"links": "x"}, "links"),
    ],
)
def test_an_invalid_event_is_refused_and_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        taken(TRIGGER | changes)
    assert refused.value.field == field


def test_a_key_of_255_characters_is_taken() -> None:
    assert answer_of(taken(TRIGGER | {"dedup_key": "x" * 255}))["dedup_key"] == "x" * 255


def test_a_change_event_is_a_change() -> None:
    intake = taken(CHANGE, "/v2/change/enqueue")
    assert answer_of(intake) == {"status": "success", "message": "Change event processed"}
    (change,) = intake.batch.changes
    at = datetime(2015, 7, 17, 8, 42, 58, tzinfo=UTC)
    assert change == Change("cart", "deploy", "a1b2", at, "ada", "https://ci.example.com/7", change.labels)
    assert dict(change.labels)["summary"] == CHANGE["payload"]["summary"]


@pytest.mark.parametrize(
    ("summary", "kind"),
    [
        ("Deployed v2", "deploy"),
        ("Rolled back to v1", "rollback"),
        ("Feature flag new-cart turned on", "flag"),
        ("Scaled cart to 5 replicas", "scale"),
        ("Configuration of the pool changed", "config"),
        ("Something was done", "deploy"),
    ],
)
def test_the_kind_of_a_change_is_told_from_its_words(summary: str, kind: str) -> None:
    (change,) = taken({"payload": {"summary": summary, "source": "cart"}}, "/v2/change/enqueue").batch.changes
    assert (change.service, change.kind, change.at) == ("cart", kind, RECEIVED)


def test_a_change_without_summary_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"payload\.summary"):
        taken({"payload": {"source": "x"}}, "/v2/change/enqueue")


def test_a_refusal_has_pagerdutys_form() -> None:
    source, request = PagerdutyEvents(), request_to("/v2/enqueue", b"")
    answer = source.refuse(request, InvalidInput("payload", "is missing"), 422)
    assert answer.status == 400
    assert json.loads(answer.body) == {
        "status": "invalid event",
        "message": "payload: is missing",
        "errors": ["payload: is missing"],
    }
    assert source.refuse(request, Overloaded("full", timedelta(1)), 429).status == 429
