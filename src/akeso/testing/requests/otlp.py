"""OTLP requests as senders build them, for tests of sources and of the API."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

AT = 1_700_000_000_000_000_000

DELTA, CUMULATIVE = 1, 2


def attributes(target: Any, values: Mapping[str, object]) -> None:
    """Adds KeyValues to a protobuf message's `attributes`."""
    for key, value in values.items():
        item = target.attributes.add(key=key)
        match value:
            case bool():
                item.value.bool_value = value
            case int():
                item.value.int_value = value
            case float():
                item.value.double_value = value
            case _:
                item.value.string_value = str(value)


class Metrics:
    """A metrics request of one resource."""

    def __init__(self, resource: Mapping[str, object]) -> None:
        self.request = ExportMetricsServiceRequest()
        added = self.request.resource_metrics.add()
        attributes(added.resource, resource)
        self._scope = added.scope_metrics.add()

    def __bytes__(self) -> bytes:
        return self.request.SerializeToString()

    def gauge(self, name: str, value: float, labels: Mapping[str, object] | None = None, at: int = AT) -> Any:
        """The added point."""
        point = self._metric(name, "").gauge.data_points.add(time_unix_nano=at, as_double=value)
        attributes(point, labels or {})
        return point

    def sum(self, name: str, value: int, temporality: int = CUMULATIVE, monotonic: bool = True) -> Any:
        """The added point."""
        data: Any = self._metric(name, "1").sum
        data.aggregation_temporality, data.is_monotonic = temporality, monotonic
        return data.data_points.add(time_unix_nano=AT, as_int=value)

    def histogram(self, name: str, counts: Sequence[int], bounds: Sequence[float], temporality: int = DELTA) -> Any:
        """The added point; its sum is 12.5."""
        data: Any = self._metric(name, "s").histogram
        data.aggregation_temporality = temporality
        point = data.data_points.add(time_unix_nano=AT, count=sum(counts), sum=12.5)
        point.bucket_counts.extend(counts)
        point.explicit_bounds.extend(bounds)
        return point

    def exponential(self, name: str, count: int, total: float, scale: int = 2, temporality: int = CUMULATIVE) -> Any:
        """The added point, without buckets."""
        data: Any = self._metric(name, "s").exponential_histogram
        data.aggregation_temporality = temporality
        return data.data_points.add(time_unix_nano=AT, count=count, sum=total, scale=scale)

    def summary(self, name: str, count: int, total: float, quantiles: Mapping[float, float]) -> Any:
        """The added point."""
        point = self._metric(name, "s").summary.data_points.add(time_unix_nano=AT, count=count, sum=total)
        for quantile, value in quantiles.items():
            point.quantile_values.add(quantile=quantile, value=value)
        return point

    def _metric(self, name: str, unit: str) -> Metric:
        return self._scope.metrics.add(name=name, unit=unit)


def logs_request(resource: Mapping[str, object], *records: Mapping[str, Any]) -> ExportLogsServiceRequest:
    """Records are fields of a LogRecord; `body` is text, `attributes` a mapping."""
    request = ExportLogsServiceRequest()
    added = request.resource_logs.add()
    attributes(added.resource, resource)
    scope = added.scope_logs.add()
    for record in records:
        plain = {name: value for name, value in record.items() if name not in {"body", "attributes"}}
        log = scope.log_records.add(**plain)
        if "body" in record:
            log.body.string_value = record["body"]
        attributes(log, record.get("attributes", {}))
    return request


def trace_request(resource: Mapping[str, object], *spans: Mapping[str, Any]) -> ExportTraceServiceRequest:
    """Spans are fields of a Span; `attributes` is a mapping, `failed` sets the status, `links` are ids of spans."""
    request = ExportTraceServiceRequest()
    added = request.resource_spans.add()
    attributes(added.resource, resource)
    scope = added.scope_spans.add()
    for fields in spans:
        plain = {name: value for name, value in fields.items() if name not in {"failed", "attributes", "links"}}
        span: Any = scope.spans.add(**plain)
        span.status.code = 2 if fields.get("failed") else 0
        for linked in fields.get("links", ()):
            span.links.add(span_id=linked)
        attributes(span, fields.get("attributes", {}))
    return request


def as_json(request: Message) -> bytes:
    """The request in OTLP's JSON: protobuf's own mapping but for enums as integers and hexadecimal ids."""
    return json.dumps(_with_hex_ids(MessageToDict(request, use_integers_for_enums=True))).encode()


def _with_hex_ids(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: base64.b64decode(item).hex() if name.endswith(("traceId", "spanId", "SpanId")) else inner
                for name, item in value.items()
                if (inner := _with_hex_ids(item)) is not None
            }
        case list():
            return [_with_hex_ids(item) for item in value]
        case _:
            return value
