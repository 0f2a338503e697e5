import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Change, LogBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.cloud_events import CloudEvents
from akeso.ports.source import IngestRequest, Intake
from akeso.testing.requests.sources import RECEIVED_AT, request_to

PATH = "/api/v1/events"
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "A234-1234",
    "source": "/ci/pipelines/checkout",
    "type": "com.example.deployment.finished",
    "time": "2026-03-01T12:00:00Z",
    "datacontenttype": "application/json",
    "extension": 7,
}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# As the specification of CDEvents 0.4 has it.
DEPLOYED: dict[str, Any] = EVENT | {
    "type": "dev.cdevents.service.deployed.0.2.0",
    "subject": "/namespaces/shop/cart",
    "data": {
        "context": {"version": "0.4.1", "id": "x", "type": "dev.cdevents.service.deployed.0.2.0"},
        "subject": {
            "id": "/namespaces/shop/cart",
            "type": "service",
            "content": {
                "environment": {"id": "test123"},
                "artifactId": "pkg:oci/cart@sha256%3A0b31b1c02ff458ad",
            },
        },
    },
}


def structured(**changes: Any) -> IngestRequest:
    return request_to(PATH, json.dumps(EVENT | changes).encode(), STRUCTURED)


def taken(request: IngestRequest) -> Intake:
    intake = CloudEvents().decode(request, SeriesTable())
    assert intake.answer.status == 202
    return intake


def change_of(**changes: Any) -> Change:
    (change,) = taken(structured(**changes)).batch.changes
    return change


def alert_of(**changes: Any) -> Alert:
    (alert,) = taken(structured(type="com.example.alert.fired", **changes)).alerts
    return alert


def record_of(request: IngestRequest) -> LogBlock:
    (block,) = taken(request).batch.logs
    return block


def test_a_deployment_is_a_change() -> None:
    data = {"service": "cart", "version": "v7", "user": "ada", "url": "https://ci/7"}
    labels = (("id", "A234-1234"), ("source", "/ci/pipelines/checkout"), ("type", "com.example.deployment.finished"))
    assert change_of(data=data) == Change("cart", "deploy", "v7", NOON, "ada", "https://ci/7", labels)


def test_a_cdevent_of_a_service_is_a_change() -> None:
    (change,) = taken(request_to(PATH, json.dumps(DEPLOYED).encode(), STRUCTURED)).batch.changes
    assert (change.service, change.kind, change.version) == ("cart", "deploy", "sha256%3A0b31b1c02ff458ad")


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("com.example.deploy", "deploy"),
        ("com.example.app.release.v1", "deploy"),
        ("io.example.AppDeployed", "deploy"),
        ("com.example.configmap.updated", "config"),
        ("com.example.feature-flag.changed", "flag"),
        ("com.example.service.scaled", "scale"),
        ("com.example.deployment.rolled-back", "rollback"),
        ("com.example.config.reverted", "revert"),
        ("dev.cdevents.service.upgraded.0.2.0", "deploy"),
        ("dev.cdevents.service.rolledback.0.2.0", "rollback"),
        ("dev.cdevents.environment.modified.0.2.0", "config"),
    ],
)
def test_the_kind_of_a_change_is_told_from_the_type(kind: str, meant: str) -> None:
    assert change_of(type=kind).kind == meant


@pytest.mark.parametrize(
    "kind",
    [
        "com.example.order.created",
        "com.example.deployment.started",
        "com.example.deployment.failed",
        "com.example.article.published",
        "com.example.order.flagged",
        "dev.cdevents.pipelinerun.finished.0.2.0",
        "dev.cdevents.artifact.published.0.2.0",
    ],
)
def test_everything_else_is_a_log_record(kind: str) -> None:
    block = record_of(structured(type=kind, data={"message": "an ERROR was seen", "traceId": 1}))
    assert block.body == (f"{kind}: an ERROR was seen",)
    assert (block.service, block.severity.tolist()) == ("checkout", [17])
    assert block.time.tolist() == [int(NOON.timestamp()) * 10**9]


def test_a_record_tells_its_data_when_nothing_in_it_is_a_sentence() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    block = record_of(structured(type="a.b", data={"x": [1]}, level="error", traceparent=trace))
    assert block.body == ('a.b: {"x":[1]}',)
    assert block.trace.tolist() == [0x8448EB211C80319C]
    assert record_of(structured(type="a.b")).body == ("a.b",)
    assert record_of(structured(type="a.b", data={"level": "warn"})).severity.tolist() == [13]


def test_an_alert_fires_and_is_over() -> None:
    data = {"service": "cart", "severity": "critical", "summary": "cart is slow"}
    firing = alert_of(data=data)
    assert (firing.service, firing.severity, firing.title) == ("cart", Severity.CRITICAL, "cart is slow")
    assert (firing.status, firing.starts_at, firing.ends_at) == (AlertStatus.FIRING, NOON, None)
    later = {"id": "B", "time": "2026-03-01T12:05:00Z", "data": data}
    (over,) = taken(structured(**(later | {"type": "com.example.alert.resolved"}))).alerts
    assert (over.fingerprint, over.status) == (firing.fingerprint, AlertStatus.RESOLVED)
    assert over.ends_at == over.starts_at > firing.starts_at
    assert alert_of(**(later | {"data": data | {"status": "resolved"}})).status is AlertStatus.RESOLVED


@pytest.mark.parametrize("name", ["fingerprint", "alertname", "incident_id"])
def test_alerts_are_told_apart_by_what_names_them(name: str) -> None:
    one, same, other = (alert_of(id=str(n), data={name: told}) for n, told in enumerate(["a", "a", "b"]))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    subject = [alert_of(subject=told).fingerprint for told in ("cart", "cart", "web")]
    assert subject[0] == subject[1] != subject[2]


@pytest.mark.parametrize(
    "kind", ["dev.cdevents.incident.detected.0.2.0", "a.ALARM.raised", "a.problem.opened", "a.deploy.alert"]
)
def test_many_words_mean_an_alert(kind: str) -> None:
    (alert,) = taken(structured(type=kind)).alerts
    assert (alert.status, alert.severity, alert.title) == (AlertStatus.FIRING, Severity.WARNING, kind)


@pytest.mark.parametrize(
    ("changes", "service"),
    [
        ({"data": {"service": "a"}, "subject": "b"}, "a"),
        ({"data": {"app": "a"}, "subject": "b"}, "a"),
        ({"subject": "deployments/b/"}, "b"),
        ({}, "checkout"),
        ({"source": "///"}, "unknown_service"),
    ],
)
def test_the_service_is_told_from_what_is_there(changes: dict[str, Any], service: str) -> None:
    assert change_of(**changes).service == service


def test_a_batch_is_all_of_its_events() -> None:
    events = [EVENT, EVENT | {"type": "x.alert"}, EVENT | {"type": "y"}, EVENT | {"type": "z.config"}]
    intake = taken(request_to(PATH, json.dumps(events).encode(), BATCH))
    assert json.loads(intake.answer.body) == {"status": "accepted", "accepted": 4}
    assert (len(intake.batch.changes), len(intake.alerts), len(intake.batch.logs)) == (2, 1, 1)
    assert len(taken(request_to(PATH, b"[]", BATCH)).batch) == 0


def binary(body: bytes, content_type: str = "application/json", **headers: str) -> IngestRequest:
    request = request_to(PATH, body, content_type)
    given = {"specversion": "1.0", "id": "1", "source": "/a/cart", "type": "a.deploy"} | headers
    return replace(request, headers={**request.headers, **{f"ce-{name}": value for name, value in given.items()}})


def test_attributes_may_be_headers() -> None:
    (change,) = taken(binary(b'{"version":"v1"}', time="2026-03-01T12:00:00Z", subject="caf%C3%A9")).batch.changes
    assert (change.service, change.version, change.at) == ("café", "v1", NOON)
    assert record_of(binary(b"plain \xff", "text/plain", type="t")).body == ("t: plain \ufffd",)
    assert record_of(binary(b"", "", type="t")).body == ("t",)


def test_data_of_no_media_type_is_json_if_it_can_be() -> None:
    # The Python SDK sends binary events like that.
    (change,) = taken(binary(b'{"service":"web"}', "")).batch.changes
    assert change.service == "web"
    assert record_of(binary(b"plain", "", type="t")).body == ("t: plain",)


def test_data_may_be_base64() -> None:
    data = base64.b64encode(b"all is well").decode()
    assert record_of(structured(type="t", data_base64=data)).body == ("t: all is well",)


def test_an_envelope_that_is_plain_json_is_understood() -> None:
    assert len(taken(request_to(PATH, json.dumps(EVENT).encode())).batch.changes) == 1


def test_an_event_without_time_is_of_its_arrival() -> None:
    event = {name: value for name, value in EVENT.items() if name != "time"}
    (change,) = taken(request_to(PATH, json.dumps(event).encode(), STRUCTURED)).batch.changes
    assert change.at == datetime.fromtimestamp(RECEIVED_AT / 1e9, UTC)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (structured(specversion="0.3"), "specversion"),
        (structured(id=""), "id"),
        (structured(source=None), "source"),
        (structured(type=7), "type"),
        (structured(time="noon"), "time"),
        (structured(data_base64="?"), "data_base64"),
        (request_to(PATH, b"{}", STRUCTURED), "specversion"),
        (request_to(PATH, b"[{}]", BATCH), "[0].specversion"),
        (request_to(PATH, json.dumps([EVENT | {"time": "x"}]).encode(), BATCH), "[0].time"),
        (request_to(PATH, json.dumps([EVENT] * 10_001).encode(), BATCH), "body"),
        (request_to(PATH, b"x", "text/plain"), "content-type"),
        (request_to(PATH, b"no", STRUCTURED), "body"),
        (binary(b"{", type="t"), "body"),
        (binary(b"", specversion="2.0"), "ce-specversion"),
        (binary(b"", id=""), "ce-id"),
        (binary(b"", time="noon"), "ce-time"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(request_: IngestRequest, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        taken(request_)
    assert refused.value.field == field


def test_quoted_attributes_are_unquoted_and_then_decoded() -> None:
    (block,) = taken(binary(b"", source='"/a/x83"', type='"com.acme.\\"note\\""', subject="caf%C3%A9")).batch.logs
    assert (block.service, block.body) == ("café", ('com.acme."note"',))


def test_a_batch_of_different_services_is_quick() -> None:
    events = [EVENT | {"id": str(n), "type": "t", "subject": str(n)} for n in range(10_000)]
    assert len(taken(request_to(PATH, json.dumps(events).encode(), BATCH)).batch.logs) == 10_000
