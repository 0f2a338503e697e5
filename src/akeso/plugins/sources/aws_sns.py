"""Alarms of CloudWatch by Amazon SNS or by EventBridge. https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import structlog

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.ports.source import IngestRequest
from akeso.protocols.alert_webhook import AlertWebhook, Told, one_of, plain, single
from akeso.protocols.json_body import parse_json
from akeso.protocols.rejections import Rejections

log = structlog.get_logger(__name__)

_CONFIRMABLE = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/")
# Dimensions that name what a person would call the service, the most telling first.
_NAMES = (
    *("ServiceName", "FunctionName", "DBInstanceIdentifier", "DBClusterIdentifier", "QueueName", "TopicName"),
    *("LoadBalancer", "AutoScalingGroupName", "ClusterName", "CacheClusterId", "InstanceId"),
)


class _Envelope(msgspec.Struct, frozen=True):
    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] = msgspec.field(name="Type")
    message: str = msgspec.field(name="Message", default="")
    subject: str = msgspec.field(name="Subject", default="")
    message_id: str = msgspec.field(name="MessageId", default="")
    topic_arn: str = msgspec.field(name="TopicArn", default="")
    timestamp: str = msgspec.field(name="Timestamp", default="")
    subscribe_url: str = msgspec.field(name="SubscribeURL", default="")


class _Trigger(msgspec.Struct, frozen=True, rename="pascal"):
    metric_name: str = ""
    namespace: str = ""
    dimensions: list[dict[str, Any]] = []


class _Alarm(msgspec.Struct, frozen=True, rename="pascal"):
    alarm_name: str
    new_state_value: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    alarm_arn: str = ""
    alarm_description: str = ""
    new_state_reason: str = ""
    state_change_time: str = ""
    region: str = ""
    account: str = msgspec.field(name="AWSAccountId", default="")
    trigger: _Trigger = _Trigger()


class _State(msgspec.Struct, frozen=True):
    value: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    reason: str = ""
    timestamp: str = ""


class _Detail(msgspec.Struct, frozen=True, rename="camel"):
    alarm_name: str
    state: _State
    configuration: dict[str, Any] = {}


class _Event(msgspec.Struct, frozen=True):
    detail: _Detail
    resources: list[str] = []
    region: str = ""
    account: str = ""


_ALARM = msgspec.json.Decoder(_Alarm)


class AwsSns(AlertWebhook):
    """Alarms as SNS notifications (raw delivery as well) and as EventBridge events. ALARM opens, OK closes, and
    INSUFFICIENT_DATA changes nothing. Another notification is an alert of its own, which nobody closes.

    Akeso asks nothing of the addresses in a message: a new subscription is confirmed by a person, by the link that is
    logged. SNS sends text/plain; it is told by its own headers.
    """

    name = "aws_sns"
    paths = ("/api/v1/alerts/aws",)

    def told(self, request: IngestRequest, rejections: Rejections) -> Iterable[tuple[str, Told | None]]:
        """See AlertWebhook."""
        del rejections
        fields = one_of(dict[str, msgspec.Raw], request)
        if "detail" in fields:
            return single(_of_event(one_of(_Event, request)))
        if "AlarmName" in fields:
            return single(_of_alarm(one_of(_Alarm, request)))
        envelope = one_of(_Envelope, request)
        if envelope.type == "Notification":
            return single(_notified(envelope))
        if _CONFIRMABLE.match(envelope.subscribe_url):
            log.warning("aws_sns.confirm", topic=envelope.topic_arn[:200], visit=envelope.subscribe_url[:2000])
        return single(None)


def _notified(envelope: _Envelope) -> Told | None:
    body = envelope.message.encode("utf-8", "replace")
    if b'"AlarmName"' in body:
        try:
            return _of_alarm(parse_json(_ALARM, body))
        except InvalidInput as bad:
            raise InvalidInput(f"Message.{bad.field}", bad.reason) from bad
    return Told(
        identity=envelope.message_id,
        title=envelope.subject or envelope.message[:200],
        severity=Severity.INFO,
        over=False,
        at=envelope.timestamp or None,
        service=envelope.topic_arn.rpartition(":")[2],
        labels={"topic": envelope.topic_arn},
        notes={"description": envelope.message},
    )


def _of_alarm(alarm: _Alarm) -> Told | None:
    dimensions = {
        str(each.get("name") or each.get("Name")): str(each.get("value") or each.get("Value"))
        for each in alarm.trigger.dimensions
    }
    labels = {"metric": alarm.trigger.metric_name, "namespace": alarm.trigger.namespace, "region": alarm.region}
    state = _State(alarm.new_state_value, alarm.new_state_reason, alarm.state_change_time)
    identity = alarm.alarm_arn or f"{alarm.account} {alarm.region} {alarm.alarm_name}"
    return _told(identity, alarm.alarm_name, state, dimensions, labels, alarm.alarm_description)


def _of_event(event: _Event) -> Told | None:
    metrics = event.detail.configuration.get("metrics") or []
    stats = [each.get("metricStat") for each in metrics if isinstance(each, dict)] if isinstance(metrics, list) else []
    metric: Any = next((stat.get("metric") for stat in stats if isinstance(stat, dict)), {})
    dimensions = plain(metric.get("dimensions")) if isinstance(metric, dict) else {}
    name = event.detail.alarm_name
    identity = next(iter(event.resources), "") or f"{event.account} {event.region} {name}"
    description = plain(event.detail.configuration).get("description", "")
    return _told(identity, name, event.detail.state, dimensions, {"region": event.region}, description)


def _told(
    identity: str, name: str, state: _State, dimensions: dict[str, str], labels: dict[str, str], description: str
) -> Told | None:
    if state.value == "INSUFFICIENT_DATA":
        return None
    return Told(
        identity=identity,
        title=name,
        severity=Severity.ERROR,
        over=state.value == "OK",
        at=state.timestamp or None,
        service=next((dimensions[each] for each in _NAMES if dimensions.get(each)), name),
        labels=labels | dimensions | {"alertname": name},
        notes={"description": description, "reason": state.reason},
    )
