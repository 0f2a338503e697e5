"""OTLP in JSON: lowerCamelCase, hexadecimal ids, 64-bit integers as text, enums as integers.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import base64
from typing import Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_REQUESTS: dict[str, Any] = {
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
}
_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_WIDE = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
        FieldDescriptor.TYPE_SINT64,
    }
)


def as_json(signal: str, body: bytes) -> bytes:
    """An Export…ServiceRequest of a signal (metrics, traces, logs) as JSON."""
    return msgspec.json.encode(_plain(_REQUESTS[signal].FromString(body)))


def _plain(message: Any) -> dict[str, Any]:
    return {described.json_name: _value(described, held) for described, held in message.ListFields()}


def _value(described: Any, held: Any) -> Any:
    if hasattr(held, "extend"):
        return [_one(described, each) for each in held]
    return _one(described, held)


def _one(described: Any, held: Any) -> Any:
    match described.type:
        case FieldDescriptor.TYPE_MESSAGE:
            return _plain(held)
        case FieldDescriptor.TYPE_BYTES:
            return held.hex() if described.name in _IDS else base64.b64encode(held).decode()
        case kind if kind in _WIDE:
            return str(held)
        case _:
            return held
