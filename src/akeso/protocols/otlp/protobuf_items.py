"""OTLP requests in protobuf that cannot be parsed as a whole, item by item."""

from typing import Any

from google.protobuf.message_factory import GetMessageClass

from akeso.domain.errors import InvalidInput
from akeso.protocols.protobuf_schema import parsed, split
from akeso.protocols.rejections import Rejections

_MOST_ITEMS = 500_000
_METRICS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
# The fields of each message that hold items, or messages that do. Points of gauges and sums stay bytes here.
_PARTS: dict[str, tuple[str, ...]] = {
    "ExportTraceServiceRequest": ("resource_spans",),
    "ResourceSpans": ("scope_spans",),
    "ScopeSpans": ("spans",),
    "ExportLogsServiceRequest": ("resource_logs",),
    "ResourceLogs": ("scope_logs",),
    "ScopeLogs": ("log_records",),
    "ExportMetricsServiceRequest": ("resource_metrics",),
    "ResourceMetrics": ("scope_metrics",),
    "ScopeMetrics": ("metrics",),
    "Metric": _METRICS,
    "Histogram": ("data_points",),
    "ExponentialHistogram": ("data_points",),
    "Summary": ("data_points",),
}


def sifted(kind: Any, body: bytes, place: str, rejections: Rejections) -> Any:
    """The message of the class `kind` without the items that cannot be parsed, which stand at `place` of a request.
    Raises InvalidInput when what holds them cannot be."""
    names = _PARTS.get(kind.DESCRIPTOR.name, ())
    fields = {kind.DESCRIPTOR.fields_by_name[name].number: kind.DESCRIPTOR.fields_by_name[name] for name in names}
    if not fields:
        return parsed(kind, body, "body")
    held, rest = split(body, frozenset(fields), _MOST_ITEMS)
    message = parsed(kind, rest, "body")
    for number, items in held.items():
        field = fields[number]
        inner = f"{place}.{field.json_name}".lstrip(".")
        if field.name in _METRICS:
            for item in items:
                getattr(message, field.name).MergeFrom(sifted(_class_of(field), item, inner, rejections))
        else:
            getattr(message, field.name).extend(_items(field, items, inner, rejections))
    return message


def _items(field: Any, items: list[bytes], place: str, rejections: Rejections) -> list[Any]:
    kind, found = _class_of(field), []
    for index, item in enumerate(items):
        try:
            found.append(sifted(kind, item, f"{place}[{index}]", rejections))
        except InvalidInput as bad:
            rejections.leave_out(place, index, bad)
    return found


def _class_of(field: Any) -> Any:
    return GetMessageClass(field.message_type)
