"""A cloud's own metrics: statistics of one or five minutes, streamed as OTLP or read by an exporter.

Metric streams in OpenTelemetry's format 1.0.0 (a summary with minimum and maximum):
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-metric-streams-formats-opentelemetry-100.html
yet-another-cloudwatch-exporter's names: https://github.com/prometheus-community/yet-another-cloudwatch-exporter
"""

import re
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.cloud.measures import Measured, columns_of, measures
from akeso.worlds.dialects.cloud.periods import Period
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.dialects.wire.otlp import any_value, attributes, resource, scope, scoped
from akeso.worlds.dialects.wire.protobuf import double, field, fixed64, text
from akeso.worlds.dialects.wire.remote_write import GAUGE, Head, Samples, first_version, head, metadata
from akeso.worlds.observation import Observation

_ACCOUNT, _REGION = "123456789012", "eu-central-1"
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class CloudwatchOptions(BaseModel):
    """way: a metric stream, or an exporter's remote write; after_s: how long after the end of a period it comes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    way: Literal["stream", "exporter"] = "stream"
    after_s: float = Field(default=120.0, ge=0)


class Cloudwatch:
    """Databases, caches, queues, load balancers, tasks and machines by CloudWatch's names. A period is stamped with its
    beginning. Nobody else's telemetry being lost makes a cloud silent."""

    name: ClassVar[str] = "cloudwatch"
    Options: ClassVar[type[BaseModel]] = CloudwatchOptions
    default_every_s: ClassVar[float] = 60.0

    def __init__(self, assignment: Assignment, options: CloudwatchOptions) -> None:
        self.trace_share = 0.0
        self._assignment, self._options, self._outbox = assignment, options, Outbox()
        self._every = round((assignment.every_s or self.default_every_s) * SECOND)
        self._after = round(options.after_s * SECOND)
        self._period, self._begun = Period(), assignment.start
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], Head] = {}

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        self._period.add(columns_of(observation, self._assignment))
        # Periods begin at whole minutes of the clock, wherever a world begins.
        if observation.end // self._every > observation.start // self._every:
            self._tell(observation.end // self._every * self._every)

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)

    def _tell(self, ended: int) -> None:
        found = list(measures(self._period, self._assignment))
        self._period = Period()
        at, stamp = ended + self._after, ended - self._every
        if self._options.way == "stream":
            self._outbox.put(_streamed(found, stamp, ended, at))
        else:
            values = self._exported(found, stamp)
            # The exporter says that all of it are gauges, whatever the names end with.
            self._outbox.put(_written(at, metadata({dict(each.labels)["__name__"]: GAUGE for each in values.heads})))
            self._outbox.put(_written(at + SECOND // 10, first_version([values])))

    def _exported(self, found: list[Measured], stamp: int) -> Samples:
        heads, values = [], []
        for each in found:
            key = (each.namespace, each.metric, each.dimensions)
            if key not in self._heads:
                self._heads[key] = _head(each)
            heads.append(self._heads[key])
            values.append(_shown(each))
        return Samples(tuple(heads), np.array(values, np.float64), stamp // 1_000_000)


def _written(at: int, body: bytes) -> Delivery:
    headers = {
        "content-encoding": "snappy",
        "content-type": "application/x-protobuf",
        "user-agent": "Prometheus/3.5.0",
        "x-prometheus-remote-write-version": "0.1.0",
    }
    return Delivery(at, "cloudwatch-exporter", "/api/v1/write", headers, body)


def _shown(each: Measured) -> float:
    match each.shown:
        case "Sum":
            return each.statistic.sum
        case "Maximum":
            return each.statistic.most
        case _:
            return each.statistic.average


def _head(each: Measured) -> Head:
    service = each.namespace.removeprefix("AWS/").lower()
    metric = _SNAKE.sub("_", each.metric).lower()
    dimensions = [(f"dimension_{name}", value) for name, value in each.dimensions]
    arn = f"arn:aws:{service}:{_REGION}:{_ACCOUNT}:{each.dimensions[-1][1]}"
    labels = [*dimensions, ("account_id", _ACCOUNT), ("region", _REGION), ("name", arn), ("job", "cloudwatch")]
    return head(f"aws_{service}_{metric}_{each.shown.lower()}", GAUGE, labels)


def _streamed(found: list[Measured], start: int, end: int, at: int) -> Delivery:
    pairs = {"cloud.provider": "aws", "cloud.account.id": _ACCOUNT, "cloud.region": _REGION}
    metrics = [_metric(each, start, end) for each in found]
    body = field(1, resource(pairs) + scoped(scope(""), metrics))
    headers = {"content-type": "application/x-protobuf", "user-agent": "OpenTelemetry Collector Contrib/0.138.0"}
    return Delivery(at, "cloudwatch-stream", "/v1/metrics", headers, body)


def _metric(each: Measured, start: int, end: int) -> bytes:
    statistic = each.statistic
    dimensions = b"".join(field(1, text(1, name) + field(2, any_value(value))) for name, value in each.dimensions)
    labels = attributes(7, {"Namespace": each.namespace, "MetricName": each.metric})
    labels += field(7, text(1, "Dimensions") + field(2, field(6, dimensions)))
    quantiles = (field(6, double(1, share) + double(2, value)) for share, value in _ends(each))
    head_ = fixed64(2, start) + fixed64(3, end) + fixed64(4, round(statistic.count)) + double(5, statistic.sum)
    point = field(1, head_ + b"".join(quantiles) + labels)
    name = f"amazonaws.com/{each.namespace}/{each.metric}"
    return field(2, text(1, name) + text(3, _UNITS.get(each.unit, "")) + field(11, point))


def _ends(each: Measured) -> tuple[tuple[float, float], tuple[float, float]]:
    return (0.0, each.statistic.least), (1.0, each.statistic.most)


_UNITS = {"Percent": "%", "Count": "{Count}", "Bytes": "By", "Seconds": "s", "Bytes/Second": "By/s"}
