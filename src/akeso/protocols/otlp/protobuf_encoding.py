"""OTLP as protobuf."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from akeso.domain.errors import InvalidInput
from akeso.protocols.otlp.number_rows import label_bytes
from akeso.protocols.otlp.protobuf_items import sifted
from akeso.protocols.rejections import Rejections

_RESPONSES: dict[str, Any] = {
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
    "trace": trace_service_pb2.ExportTraceServiceResponse,
}
_REJECTED = {"metrics": "rejected_data_points", "logs": "rejected_log_records", "trace": "rejected_spans"}


class Protobuf:
    """See akeso.protocols.otlp.signals.Encoding."""

    content_type = "application/x-protobuf"

    def parse(self, signal: str, body: bytes, rejections: Rejections) -> Any:
        """The request as a protobuf message."""
        try:
            return _request(signal).FromString(body)
        except DecodeError as bad:
            whole = InvalidInput("body", f"is not an OTLP {signal} request in protobuf")
            try:
                return sifted(_request(signal), body, "", rejections)
            except InvalidInput:
                raise whole from bad

    def label_key(self, point: Any) -> tuple[bytes, ...]:
        """The serialised KeyValues of a data point."""
        return tuple(point.attributes)

    def labels(self, key: tuple[bytes, ...]) -> Iterable[common_pb2.KeyValue]:
        """The KeyValues."""
        try:
            return [common_pb2.KeyValue.FromString(item) for item in key]
        except DecodeError as bad:
            raise InvalidInput("attributes", "are not KeyValues") from bad

    def number(self, point: bytes) -> Any:
        """The message in a point's bytes."""
        try:
            return _metrics_classes()[1].FromString(point)
        except DecodeError as bad:
            raise InvalidInput("body", "is not an OTLP metrics request in protobuf") from bad

    def identity(self, key: tuple[bytes, ...]) -> bytes:
        """As they stand in a point."""
        return label_bytes(key)

    def sum_of(self, point: Any) -> float:
        """The sum, NaN if there is none."""
        return point.sum if point.HasField("sum") else float("nan")

    def identifiers(self, ids: Sequence[bytes]) -> list[bytes]:
        """They are bytes on the wire."""
        return list(ids)

    def unread(self, signal: str, body: bytes) -> list[str]:
        """Fields go by number, and those of old senders are the same."""
        del signal, body
        return []

    def response(self, signal: str, rejected: int, reason: str) -> bytes:
        """Empty when there is nothing to say."""
        answer = _RESPONSES[signal]()
        if rejected or reason:
            setattr(answer.partial_success, _REJECTED[signal], rejected)
            answer.partial_success.error_message = reason
        serialised: bytes = answer.SerializeToString()
        return serialised

    def status(self, code: int, message: str) -> bytes:
        """google.rpc.Status: 1 = code, 2 = message. Written by hand to spare the package that only defines it."""
        encoded = message.encode("utf-8", "replace")
        return b"\x08" + _varint(code) + b"\x12" + _varint(len(encoded)) + encoded


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _request(signal: str) -> Any:
    match signal:
        case "metrics":
            return _metrics_classes()[0]
        case "logs":
            return logs_service_pb2.ExportLogsServiceRequest
        case _:
            return trace_service_pb2.ExportTraceServiceRequest


@cache
def _metrics_classes() -> tuple[Any, Any]:
    """ExportMetricsServiceRequest and NumberDataPoint, whose data points hold their attributes as unparsed bytes; the
    points of gauges and sums are bytes themselves.

    The wire format of a message and of bytes is the same. The bytes are the key under which a label set is known, so
    a point of a known series costs a tenth of what its attributes as messages would.
    """
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, metrics_pb2, metrics_service_pb2):
        described = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(described)
        pool.Add(_with_raw_points(described))
    found = (metrics_service_pb2.ExportMetricsServiceRequest, metrics_pb2.NumberDataPoint)
    request, number = (GetMessageClass(pool.FindMessageTypeByName(each.DESCRIPTOR.full_name)) for each in found)
    return request, number


def _with_raw_points(described: FileDescriptorProto) -> FileDescriptorProto:
    for message in described.message_type:
        raw = {"Gauge": "data_points", "Sum": "data_points"}.get(message.name, "attributes")
        for field in message.field:
            if field.name == raw and (raw == "data_points" or message.name.endswith("DataPoint")):
                field.type = FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
    return described
