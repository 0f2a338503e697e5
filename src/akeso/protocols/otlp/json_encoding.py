"""OTLP as JSON: lowerCamelCase, hexadecimal ids, enums as integers, 64-bit integers as text or numbers.

The structures mirror the fields of opentelemetry-proto that Akeso reads, under protobuf's names; all others are
skipped. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from akeso.protocols.json_body import parse_json
from akeso.protocols.json_items import JsonItems, Part
from akeso.protocols.rejections import Rejections

Instant = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Signed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Enum = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]

# What stands for an id that cannot be read: it has the width of no id.
NO_IDENTIFIER = b"?"

_REJECTED = {"metrics": "rejectedDataPoints", "logs": "rejectedLogRecords", "trace": "rejectedSpans"}


class _Message(msgspec.Struct, rename="camel", frozen=True):
    """A protobuf message in JSON."""

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 - protobuf's own name, so that both encodings read alike
        """The name of the only field that is set."""
        fields = self.__struct_fields__
        return next((name for name in fields if name in _CHOICES and getattr(self, name) is not None), None)


class ArrayValue(_Message, frozen=True):
    values: tuple["AnyValue", ...] = ()


class KeyValueList(_Message, frozen=True):
    values: tuple["KeyValue", ...] = ()


class AnyValue(_Message, frozen=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Signed | None = None
    double_value: float | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class KeyValue(_Message, frozen=True):
    key: str = ""
    value: AnyValue = AnyValue()


class Resource(_Message, frozen=True):
    attributes: tuple[KeyValue, ...] = ()


class NumberDataPoint(_Message, frozen=True):
    attributes: msgspec.Raw = msgspec.Raw(b"")
    time_unix_nano: Instant = 0
    as_double: float | None = None
    as_int: Signed | None = None
    flags: Count = 0
    exemplars: tuple[msgspec.Raw, ...] = ()


class HistogramDataPoint(_Message, frozen=True):
    attributes: msgspec.Raw = msgspec.Raw(b"")
    time_unix_nano: Instant = 0
    count: Count = 0
    sum: float = float("nan")
    bucket_counts: tuple[Count, ...] = ()
    explicit_bounds: tuple[float, ...] = ()
    flags: Count = 0
    exemplars: tuple[msgspec.Raw, ...] = ()


class ValueAtQuantile(_Message, frozen=True):
    quantile: float = 0.0
    value: float = 0.0


class SummaryDataPoint(_Message, frozen=True):
    attributes: msgspec.Raw = msgspec.Raw(b"")
    time_unix_nano: Instant = 0
    count: Count = 0
    sum: float = 0.0
    quantile_values: tuple[ValueAtQuantile, ...] = ()
    flags: Count = 0


class Gauge(_Message, frozen=True):
    data_points: tuple[NumberDataPoint, ...] = ()


class Sum(_Message, frozen=True):
    data_points: tuple[NumberDataPoint, ...] = ()
    aggregation_temporality: Enum = 0
    is_monotonic: bool = False


class Histogram(_Message, frozen=True):
    data_points: tuple[HistogramDataPoint, ...] = ()
    aggregation_temporality: Enum = 0


class Buckets(_Message, frozen=True):
    offset: Enum = 0
    bucket_counts: tuple[Count, ...] = ()


class ExponentialHistogramDataPoint(_Message, frozen=True):
    attributes: msgspec.Raw = msgspec.Raw(b"")
    time_unix_nano: Instant = 0
    count: Count = 0
    sum: float = float("nan")
    scale: Enum = 0
    zero_count: Count = 0
    zero_threshold: float = 0.0
    positive: Buckets = Buckets()
    negative: Buckets = Buckets()
    flags: Count = 0
    exemplars: tuple[msgspec.Raw, ...] = ()


class ExponentialHistogram(_Message, frozen=True):
    data_points: tuple[ExponentialHistogramDataPoint, ...] = ()
    aggregation_temporality: Enum = 0


class Summary(_Message, frozen=True):
    data_points: tuple[SummaryDataPoint, ...] = ()


class Metric(_Message, frozen=True):
    name: str = ""
    unit: str = ""
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class ScopeMetrics(_Message, frozen=True):
    metrics: tuple[Metric, ...] = ()


class ResourceMetrics(_Message, frozen=True):
    resource: Resource = Resource()
    scope_metrics: tuple[ScopeMetrics, ...] = ()
    instrumentation_library_metrics: tuple[ScopeMetrics, ...] = ()

    def __post_init__(self) -> None:
        _adopt(self, "scope_metrics", self.instrumentation_library_metrics)


class MetricsRequest(_Message, frozen=True):
    resource_metrics: tuple[ResourceMetrics, ...] = ()


class LogRecord(_Message, frozen=True):
    time_unix_nano: Instant = 0
    observed_time_unix_nano: Instant = 0
    severity_number: Enum = 0
    severity_text: str = ""
    body: AnyValue = AnyValue()
    attributes: tuple[KeyValue, ...] = ()
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""


class ScopeLogs(_Message, frozen=True):
    log_records: tuple[LogRecord, ...] = ()


class ResourceLogs(_Message, frozen=True):
    resource: Resource = Resource()
    scope_logs: tuple[ScopeLogs, ...] = ()
    instrumentation_library_logs: tuple[ScopeLogs, ...] = ()

    def __post_init__(self) -> None:
        _adopt(self, "scope_logs", self.instrumentation_library_logs)


class LogsRequest(_Message, frozen=True):
    resource_logs: tuple[ResourceLogs, ...] = ()


class SpanStatus(_Message, frozen=True):
    code: Enum = 0


class Link(_Message, frozen=True):
    span_id: str = ""


class Span(_Message, frozen=True):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    flags: Count = 0
    name: str = ""
    kind: Enum = 0
    start_time_unix_nano: Instant = 0
    end_time_unix_nano: Instant = 0
    attributes: tuple[KeyValue, ...] = ()
    status: SpanStatus = SpanStatus()
    links: tuple[Link, ...] = ()


class ScopeSpans(_Message, frozen=True):
    spans: tuple[Span, ...] = ()


class ResourceSpans(_Message, frozen=True):
    resource: Resource = Resource()
    scope_spans: tuple[ScopeSpans, ...] = ()
    instrumentation_library_spans: tuple[ScopeSpans, ...] = ()

    def __post_init__(self) -> None:
        _adopt(self, "scope_spans", self.instrumentation_library_spans)


class TraceRequest(_Message, frozen=True):
    resource_spans: tuple[ResourceSpans, ...] = ()


def _adopt(resource: _Message, name: str, old: tuple[Any, ...]) -> None:
    """Senders before 2022 call the scopes instrumentation libraries; what they hold is the same."""
    if old:
        msgspec.structs.force_setattr(resource, name, (*getattr(resource, name), *old))


_CHOICES = frozenset(AnyValue.__struct_fields__) | {"as_double", "as_int"}
_CHOICES |= {"gauge", "sum", "histogram", "exponential_histogram", "summary"}
_REQUESTS: dict[str, type[_Message]] = {"metrics": MetricsRequest, "logs": LogsRequest, "trace": TraceRequest}


def _scopes(signal: str, shape: type[_Message]) -> tuple[Part, ...]:
    return (
        Part(f"scope{signal.title()}", f"scope_{signal}", shape),
        Part(f"instrumentationLibrary{signal.title()}", f"instrumentation_library_{signal}", shape),
    )


def _points(shape: type[_Message]) -> tuple[Part, ...]:
    return (Part("dataPoints", "data_points", shape),)


_KINDS = (Gauge, Sum, Histogram, ExponentialHistogram, Summary)
_PARTS: dict[Any, tuple[Part, ...]] = {
    TraceRequest: (Part("resourceSpans", "resource_spans", ResourceSpans),),
    ResourceSpans: _scopes("spans", ScopeSpans),
    ScopeSpans: (Part("spans", "spans", Span),),
    LogsRequest: (Part("resourceLogs", "resource_logs", ResourceLogs),),
    ResourceLogs: _scopes("logs", ScopeLogs),
    ScopeLogs: (Part("logRecords", "log_records", LogRecord),),
    MetricsRequest: (Part("resourceMetrics", "resource_metrics", ResourceMetrics),),
    ResourceMetrics: _scopes("metrics", ScopeMetrics),
    ScopeMetrics: (Part("metrics", "metrics", Metric),),
    Metric: tuple(
        Part(name[0].lower() + name[1:], attribute, kind, many=False)
        for kind, attribute in zip(_KINDS, Metric.__struct_fields__[2:], strict=True)
        for name in (kind.__name__,)
    ),
    Gauge: _points(NumberDataPoint),
    Sum: _points(NumberDataPoint),
    Histogram: _points(HistogramDataPoint),
    ExponentialHistogram: _points(ExponentialHistogramDataPoint),
    Summary: _points(SummaryDataPoint),
}
_SNAKE_CASE = tuple(
    part.attribute for parts in _PARTS.values() for part in parts if "_" in part.attribute and part.many
)
_ITEMS = {signal: JsonItems(shape, _PARTS, lax=True) for signal, shape in _REQUESTS.items()}


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape, strict=False)


class Json:
    """See akeso.protocols.otlp.signals.Encoding."""

    content_type = "application/json"

    def parse(self, signal: str, body: bytes, rejections: Rejections) -> Any:
        """The request as structures with protobuf's names."""
        return _ITEMS[signal].decode(body, rejections)

    def label_key(self, point: Any) -> bytes:
        """The JSON text of a data point's attributes."""
        return bytes(point.attributes)

    def labels(self, key: bytes) -> Iterable[KeyValue]:
        """The KeyValues."""
        found: Iterable[KeyValue] = parse_json(_decoder(tuple[KeyValue, ...]), key) if key else ()
        return found

    def number(self, point: Any) -> Any:
        """It is one."""
        return point

    def identity(self, key: bytes) -> bytes:
        """The text itself."""
        return key

    def sum_of(self, point: Any) -> float:
        """The sum, NaN if there is none."""
        return float(point.sum)

    def identifiers(self, ids: Sequence[str]) -> list[bytes]:
        """Hexadecimal in JSON, unlike all other bytes."""
        try:
            return [bytes.fromhex(text) for text in ids]
        except ValueError:
            return list(map(_identifier, ids))

    def unread(self, signal: str, body: bytes) -> list[str]:
        """Containers under protobuf's names, which OTLP does not allow in JSON."""
        del signal
        there = [name for name in _SNAKE_CASE if f'"{name}"'.encode() in body]
        return [f"{', '.join(there)}: not understood; names of fields are in lowerCamelCase"] if there else []

    def response(self, signal: str, rejected: int, reason: str) -> bytes:
        """Empty when there is nothing to say."""
        if not rejected and not reason:
            return b"{}"
        return msgspec.json.encode({"partialSuccess": {_REJECTED[signal]: str(rejected), "errorMessage": reason}})

    def status(self, code: int, message: str) -> bytes:
        """A google.rpc.Status."""
        return msgspec.json.encode({"code": code, "message": message})


def _identifier(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return NO_IDENTIFIER
