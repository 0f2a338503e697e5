"""Webhooks of monitoring tools: what opens an alert, what closes it, and what changes nothing."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.plugins.sources.webhook import Webhook
from akeso.ports.source import Intake, Source
from akeso.testing.requests.sources import request_to
from akeso.testing.requests.valid_requests import ALARM, ESSENTIALS

SOURCES: dict[str, Source] = build("sources")


def taken(source: Source, body: object, path: str = "", content_type: str = "application/json") -> Intake:
    return source.decode(request_to(path or source.paths[0], json.dumps(body).encode(), content_type), SeriesTable())


def alerts_of(name: str, body: object) -> tuple[Alert, ...]:
    intake = taken(SOURCES[name], body)
    assert intake.answer.status in {200, 202}
    return intake.alerts


@dataclass(frozen=True)
class Case:
    """A body that opens an alert, one that closes it, ones that change nothing, and what the alert is."""

    name: str
    opens: Any
    closes: Any
    service: str
    title: str
    severity: Severity
    silent: tuple[Any, ...] = ()


def sns(message: object, kind: str = "Notification") -> dict[str, object]:
    return {"Type": kind, "MessageId": "1", "TopicArn": "arn:aws:sns:x:1:alarms", "Message": json.dumps(message)}


def event(state: str) -> dict[str, object]:
    configuration = {"metrics": [{"metricStat": {"metric": {"dimensions": {"QueueName": "orders"}}}}]}
    return {
        "detail-type": "CloudWatch Alarm State Change",
        "resources": ["arn:aws:cloudwatch:eu-west-1:1:alarm:old"],
        "detail": {"alarmName": "old", "state": {"value": state}, "configuration": configuration},
    }


def azure(condition: str) -> dict[str, object]:
    told = ESSENTIALS | {"monitorCondition": condition, "resolvedDateTime": "2023-03-01T12:10:00Z"}
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": told, "alertContext": {"a": 1}}}


def google(state: str) -> dict[str, object]:
    resource = {"type": "cloud_run_revision", "labels": {"service_name": "checkout", "project_id": "p"}}
    return {
        "version": "1.2",
        "incident": {
            "incident_id": "0.abc",
            "state": state,
            "policy_name": "Errors",
            "severity": "Critical",
            "started_at": 1_700_000_000,
            "ended_at": 1_700_000_600 if state == "closed" else None,
            "resource": resource,
            "metric": {"type": "run.googleapis.com/request_count", "labels": {"response_code": "500"}},
        },
    }


def zabbix(**changes: str) -> dict[str, str]:
    told = {"event_id": "42", "event_value": "1", "event_name": "Disk is full", "event_severity": "Disaster"}
    return told | {"host_name": "db1", "event_tags": "[]", "trigger_description": "*UNKNOWN*"} | changes


def kuma(status: int) -> dict[str, object]:
    return {
        "heartbeat": {"monitorID": 3, "status": status, "msg": "timeout", "time": "2023-03-01 12:00:00.123"},
        "monitor": {"id": 3, "name": "shop", "url": "https://shop", "tags": []},
        "msg": "[shop] [Down] timeout",
    }


def datadog(transition: str, title: str) -> dict[str, str]:
    return {"title": title, "transition": transition, "alert_id": "7", "scope": "env:prod", "tags": "service:cart"}


def issue(action: str) -> dict[str, object]:
    told = {"id": "9", "title": "KeyError: 'a'", "level": "fatal", "project": {"slug": "cart"}, "firstSeen": "x"}
    return {"action": action, "data": {"issue": told}, "installation": {"uuid": "u"}}


def metric_alert(action: str) -> dict[str, object]:
    told = {"id": "5", "title": "Errors", "projects": ["cart"], "date_started": "2023-03-01T12:00:00Z"}
    return {"action": action, "data": {"metric_alert": told, "description_title": "Critical: Errors"}}


CASES = [
    Case(
        "prometheus_alerts",
        [{"labels": {"alertname": "Slow", "service": "cart", "severity": "page"}, "endsAt": "2030-01-01T00:00:00Z"}],
        [{"labels": {"alertname": "Slow", "service": "cart", "severity": "page"}, "endsAt": "2023-01-01T00:00:00Z"}],
        "cart",
        "Slow",
        Severity.CRITICAL,
    ),
    Case(
        "datadog",
        datadog("Triggered", "[Triggered on {env:prod}] cart is slow"),
        datadog("Recovered", "[Recovered on {env:prod}] cart is slow"),
        "cart",
        "cart is slow",
        Severity.ERROR,
    ),
    Case(
        "datadog",
        {"title": "[P2] [Triggered] disk is full", "event_type": "metric_alert_monitor", "body": "x", "id": "1"},
        {"title": "[P2] [Recovered] disk is full", "event_type": "metric_alert_monitor", "body": "x", "id": "2"},
        "unknown_service",
        "disk is full",
        Severity.ERROR,
    ),
    Case(
        "zabbix",
        zabbix(),
        zabbix(event_value="0"),
        "db1",
        "Disk is full",
        Severity.CRITICAL,
        (zabbix(event_update_status="1"),),
    ),
    Case(
        "aws_sns",
        sns(ALARM),
        sns(ALARM | {"NewStateValue": "OK"}),
        "c",
        "c-errors",
        Severity.ERROR,
        (sns(ALARM | {"NewStateValue": "INSUFFICIENT_DATA"}), sns("", "SubscriptionConfirmation")),
    ),
    Case("aws_sns", ALARM, sns(ALARM | {"NewStateValue": "OK"}), "c", "c-errors", Severity.ERROR),
    Case("aws_sns", event("ALARM"), event("OK"), "orders", "old", Severity.ERROR, (event("INSUFFICIENT_DATA"),)),
    Case("azure_monitor", azure("Fired"), azure("Resolved"), "c", "c is slow", Severity.ERROR),
    Case("google_monitoring", google("open"), google("closed"), "checkout", "Errors", Severity.CRITICAL),
    Case(
        "sentry", issue("created"), issue("resolved"), "cart", "KeyError: 'a'", Severity.CRITICAL, (issue("assigned"),)
    ),
    Case("sentry", metric_alert("critical"), metric_alert("resolved"), "cart", "Critical: Errors", Severity.CRITICAL),
    Case(
        "uptime_kuma", kuma(0), kuma(1), "shop", "shop is down", Severity.CRITICAL, (kuma(2), kuma(3), {"msg": "test"})
    ),
    Case(
        "webhook",
        {"title": "slow", "service": "cart", "severity": "p1", "status": "firing"},
        {"title": "slow", "service": "cart", "severity": "p1", "status": "OK"},
        "cart",
        "slow",
        Severity.CRITICAL,
    ),
]
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.name}-{n}" for n, case in enumerate(CASES)])


@each_case
def test_what_begins_is_an_alert_about_a_service(case: Case) -> None:
    (alert,) = alerts_of(case.name, case.opens)
    assert (alert.source, alert.service, alert.title, alert.severity) == (
        case.name,
        case.service,
        case.title,
        case.severity,
    )
    assert (alert.status, alert.ends_at) == (AlertStatus.FIRING, None)


@each_case
def test_what_ends_closes_the_alert_that_began(case: Case) -> None:
    (began,), (ended,) = alerts_of(case.name, case.opens), alerts_of(case.name, case.closes)
    assert ended.status is AlertStatus.RESOLVED
    assert ended.ends_at is not None
    assert ended.fingerprint == began.fingerprint


@pytest.mark.parametrize(("name", "body"), [(case.name, body) for case in CASES for body in case.silent])
def test_what_says_neither_is_accepted_and_changes_nothing(name: str, body: object) -> None:
    assert alerts_of(name, body) == ()


@each_case
def test_what_lacks_everything_is_refused_with_a_field(case: Case) -> None:
    body: object = [{}] if isinstance(case.opens, list) else {"a": 1}
    with pytest.raises(InvalidInput) as refused:
        taken(SOURCES[case.name], body)
    assert refused.value.field


def test_a_malformed_time_costs_itself() -> None:
    intake = taken(SOURCES["uptime_kuma"], kuma(0) | {"heartbeat": {"status": 0, "time": "noon"}})
    assert (len(intake.alerts), dict(intake.omitted)) == (1, {"time": 1})


def test_of_posted_alerts_a_bad_one_costs_only_itself() -> None:
    good = {"labels": {"alertname": "Slow"}}
    intake = taken(SOURCES["prometheus_alerts"], [good, {"labels": {"a": 1}}, {"labels": {"a": "b"}}, good])
    assert len(intake.alerts) == 2
    assert [each.place for each in intake.rejected] == ["[1].labels[...]", "[2].labels.alertname"]
    assert intake.answer.status == 400


def test_sns_is_read_whatever_media_type_it_says() -> None:
    assert len(taken(SOURCES["aws_sns"], sns(ALARM), content_type="text/plain").alerts) == 1


def test_another_notification_of_sns_is_an_alert_of_its_own() -> None:
    (alert,) = alerts_of("aws_sns", sns({"build": 7}) | {"Subject": "Budget exceeded"})
    assert (alert.title, alert.service, alert.severity) == ("Budget exceeded", "alarms", Severity.INFO)


TOOL = Webhook(
    {
        "tool": {
            "items": "checks",
            "title": "what.name",
            "service": "what.tags[0]",
            "status": "state",
            "identity": "what.id",
            "severity": "level",
            "time": "when",
            "labels": "what",
            "resolved": ["FINE"],
        }
    }
)


def test_a_mapping_tells_where_an_unknown_tool_has_what_an_alert_needs() -> None:
    what = {"id": 7, "name": "queue is long", "tags": ["orders"]}
    body = {"checks": [{"what": what, "state": "bad", "level": "high"}, {"what": what, "state": "Fine"}, {"what": 1}]}
    intake = taken(TOOL, body, "/api/v1/webhooks/tool")
    began, ended = intake.alerts
    assert (began.service, began.title, began.severity) == ("orders", "queue is long", Severity.ERROR)
    assert (began.fingerprint, ended.status) == (ended.fingerprint, AlertStatus.RESOLVED)
    assert ("name", "queue is long") in began.labels
    assert [each.place for each in intake.rejected] == ["checks[2].what.name"]


@pytest.mark.parametrize(
    ("mappings", "field"),
    [
        ({"A b": {}}, "sources.webhook.mappings.A b"),
        ({"a": {"titel": "x"}}, "sources.webhook.mappings.a.titel"),
        ({"a": {"title": 7}}, "sources.webhook.mappings.a.title"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_at_the_start(mappings: Any, field: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Webhook(mappings)
    assert refused.value.field == field
