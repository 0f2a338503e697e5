"""A valid request of every protocol that Akeso takes in, for the contract of sources and the fuzzer to start with."""

import gzip
import json
from collections.abc import Iterator

import msgspec

from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.otlp import Metrics, as_json, logs_request, trace_request
from akeso.testing.requests.remote_write import (
    AT_MS,
    FIRST,
    SECOND,
    SecondRequest,
    first_request,
    first_series,
    native_histogram,
)

JSON, PROTOBUF = "application/json", "application/x-protobuf"
TEXT, MSGPACK = "text/plain", "application/msgpack"


def examples() -> list[tuple[str, str, bytes]]:
    """Name of the source, media type, body: each holds something that is taken in."""
    makers = (_otlp, _plain, _remote_write, _loki, _events, _webhooks, _lines)
    return [example for make in makers for example in make()]


def _otlp() -> Iterator[tuple[str, str, bytes]]:
    metrics = Metrics({"service.name": "cart", "service.instance.id": "1"})
    metrics.gauge("g", 1.5, {"a": "b"})
    metrics.sum("s", 7)
    metrics.histogram("h", [1, 2], [0.5])
    metrics.summary("q", 2, 3.0, {0.5: 1.0})
    metrics.exponential("e", 2, 3.0)
    logs = logs_request({"service.name": "cart"}, {"body": "x", "trace_id": b"t" * 16, "attributes": {"k": 2}})
    span = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "kind": 3, "attributes": {"peer.service": "p"}}
    requests = {"otlp_metrics": metrics.request, "otlp_logs": logs, "otlp_traces": trace_request({}, span)}
    for name, request in requests.items():
        yield name, JSON, as_json(request)
        yield name, PROTOBUF, request.SerializeToString()


def _plain() -> Iterator[tuple[str, str, bytes]]:
    event = {
        "component": "c",
        "latency": 500,
        "error_rate": 0.5,
        "timestamp": 17e8,
        "message": "m",
        "labels": {"a": "b"},
    }
    alert = {"status": "firing", "labels": {"service": "c"}, "startsAt": "2026-03-01T12:00:00Z", "fingerprint": "f"}
    change = {"service": "c", "kind": "deploy", "at": 17e8, "labels": {"a": "b"}}
    line = {"service": "c", "message": "m", "level": "warn", "timestamp": "2026-03-01T12:00:00Z", "trace_id": "ab" * 16}
    yield "simple_event", JSON, json.dumps(event).encode()
    yield "alertmanager", JSON, json.dumps({"version": "4", "alerts": [alert]}).encode()
    yield "change_events", JSON, json.dumps([change, change]).encode()
    yield "json_logs", JSON, "\n".join([json.dumps(line)] * 2).encode()


def _remote_write() -> Iterator[tuple[str, str, bytes]]:
    labels = {"__name__": "m", "job": "a"}
    histogram = native_histogram(3, 4.5, 0, [(1, 2)], [2, -1])
    exemplar = wire.double(2, 1.0) + wire.number(3, AT_MS)
    first = first_series(labels, [(AT_MS, 1.0)]), first_series(labels, more=wire.text(3, exemplar))
    body = first_request(*first, first_series(labels, more=wire.text(4, histogram)), metadata={"m": 2})
    yield "remote_write", FIRST, body
    second = SecondRequest().add(labels, [(AT_MS, 1.0)], kind=2, unit="bytes").add(labels, [(AT_MS, 0.0)] * 2)
    yield "remote_write", SECOND, bytes(second.add_raw(labels, wire.text(3, histogram) + wire.text(4, exemplar)))


def _loki() -> Iterator[tuple[str, str, bytes]]:
    metadata = {"level": "warn", "trace_id": "ab" * 16}
    value = [str(AT_MS * 1_000_000), "line", metadata]
    yield "loki_push", JSON, json.dumps({"streams": [{"stream": {"app": "c"}, "values": [value]}]}).encode()
    pairs = b"".join(wire.text(3, wire.text(1, name) + wire.text(2, text)) for name, text in metadata.items())
    entry = wire.text(1, wire.number(1, AT_MS // 1000) + wire.number(2, 7)) + wire.text(2, "line") + pairs
    yield "loki_push", PROTOBUF, wire.text(1, wire.text(1, r'{app="c", b="\n"}') + wire.text(2, entry))


def _events() -> Iterator[tuple[str, str, bytes]]:
    payload = {"summary": "s", "source": "h", "severity": "info", "timestamp": "2026-03-01T12:00:00Z", "component": "c"}
    detailed = {**payload, "custom_details": {"a": [1]}}
    trigger = {"event_action": "trigger", "dedup_key": "k", "payload": detailed}
    yield "pagerduty_events", JSON, json.dumps(trigger).encode()
    event = {"specversion": "1.0", "id": "1", "source": "/c", "type": "a.alert", "time": "2026-03-01T12:00:00Z"}
    data = {"severity": "high", "subject": {"id": "x", "content": {"artifactId": "a@b"}}}
    told = {**event, "subject": "s", "data": data}
    yield "cloud_events", JSON, json.dumps(told).encode()
    batch = [{**event, "type": kind, "data": {"message": "m"}} for kind in ("a.deploy", "b")]
    yield "cloud_events", "application/cloudevents-batch+json", json.dumps(batch).encode()


def _lines() -> Iterator[tuple[str, str, bytes]]:
    yield "statsd", TEXT, b"c.calls:3|c|@0.5|#env:prod\nc.wait:12:30|ms\nc.users:-3|g\nc.seen:a|s\n"
    yield "graphite", TEXT, b"c.load;host=a 1.5 1700000000\nc.load 2 -1\n"
    new = b'<165>1 2023-03-01T12:00:00.003Z h c 12 ID [a@1 trace_id="%b"] it broke' % (b"ab" * 16)
    yield "syslog", TEXT, new + b"\n<34>Oct 11 22:14:15 h su[7]: failed\n"
    yield "syslog", TEXT, b"%d %b" % (len(new), new)
    entry = [msgspec.msgpack.Ext(0, (1_700_000_000).to_bytes(4, "big") + bytes(4)), {"log": "m", "service": "c"}]
    yield "fluent_forward", MSGPACK, msgspec.msgpack.encode(["tag", [entry, entry], {"chunk": "x"}])
    packed = gzip.compress(msgspec.msgpack.encode(entry) * 2)
    yield "fluent_forward", MSGPACK, msgspec.msgpack.encode(["tag", packed, {"compressed": "gzip"}])


def _webhooks() -> Iterator[tuple[str, str, bytes]]:
    for name, body in WEBHOOKS.items():
        yield name, JSON, json.dumps(body).encode()


ALARM = {
    "AlarmName": "c-errors",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:1:alarm:c-errors",
    "NewStateValue": "ALARM",
    "StateChangeTime": "2023-03-01T12:00:00.000+0000",
    "Trigger": {"MetricName": "Errors", "Dimensions": [{"name": "FunctionName", "value": "c"}]},
}
ESSENTIALS = {
    "alertId": "/subscriptions/1/providers/Microsoft.AlertsManagement/alerts/a",
    "alertRule": "c is slow",
    "severity": "Sev1",
    "monitorCondition": "Fired",
    "alertTargetIDs": ["/subscriptions/1/resourcegroups/g/providers/microsoft.web/sites/c"],
    "firedDateTime": "2023-03-01T12:00:00.1234567Z",
}
WEBHOOKS: dict[str, object] = {
    "prometheus_alerts": [{"labels": {"alertname": "Slow", "service": "c"}, "startsAt": "2023-03-01T12:00:00Z"}],
    "datadog": {
        "title": "[P1] [Triggered] c is slow",
        "transition": "Triggered",
        "alert_id": "7",
        "scope": "env:prod",
        "tags": "service:c,team:x",
        "date": "1700000000000",
    },
    "zabbix": {
        "event_id": "42",
        "event_value": "1",
        "event_name": "Disk is full",
        "event_severity": "High",
        "event_tags": '[{"tag":"service","value":"c"}]',
        "host_name": "h",
    },
    "aws_sns": {"Type": "Notification", "MessageId": "m", "Message": json.dumps(ALARM), "TopicArn": "arn:t"},
    "azure_monitor": {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": ESSENTIALS}},
    "google_monitoring": {
        "version": "1.2",
        "incident": {
            "incident_id": "0.abc",
            "state": "open",
            "policy_name": "c is slow",
            "severity": "Critical",
            "started_at": 1_700_000_000,
            "resource": {"type": "cloud_run_revision", "labels": {"service_name": "c"}},
        },
    },
    "sentry": {
        "action": "created",
        "data": {"issue": {"id": "9", "title": "KeyError", "level": "error", "project": {"slug": "c"}}},
    },
    "uptime_kuma": {
        "heartbeat": {"status": 0, "msg": "timeout", "time": "2023-03-01 12:00:00.123"},
        "monitor": {"id": 3, "name": "c", "tags": [{"name": "service", "value": "c"}]},
        "msg": "[c] is down",
    },
    "webhook": {"title": "c is slow", "service": "c", "severity": "high", "labels": {"team": "x"}},
}
