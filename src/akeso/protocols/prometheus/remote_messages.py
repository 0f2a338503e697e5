"""The messages of Prometheus remote write 1.0 and 2.0.

https://prometheus.io/docs/specs/prw/remote_write_spec/ and …_spec_2_0/; field numbers as in Prometheus' `prompb`.
"""

from functools import cache
from typing import Any

from akeso.protocols.protobuf_schema import Field, message_classes

_SPAN = {"offset": Field(1, "sint32"), "length": Field(2, "uint32")}
_HISTOGRAM = {
    "count_int": Field(1, "uint64"),
    "count_float": Field(2, "double"),
    "sum": Field(3, "double"),
    "schema": Field(4, "sint32"),
    "zero_threshold": Field(5, "double"),
    "zero_count_int": Field(6, "uint64"),
    "zero_count_float": Field(7, "double"),
    "negative_spans": Field(8, "Span", True),
    "negative_deltas": Field(9, "sint64", True),
    "negative_counts": Field(10, "double", True),
    "positive_spans": Field(11, "Span", True),
    "positive_deltas": Field(12, "sint64", True),
    "positive_counts": Field(13, "double", True),
    "reset_hint": Field(14, "int32"),
    "timestamp": Field(15, "int64"),
    "custom_values": Field(16, "double", True),
}
_SAMPLE = {"value": Field(1, "double"), "timestamp": Field(2, "int64"), "start_timestamp": Field(3, "int64")}
_FIRST = {
    "WriteRequest": {"timeseries": Field(1, "bytes", True), "metadata": Field(3, "bytes", True)},
    "TimeSeries": {
        "labels": Field(1, "bytes", True),
        "samples": Field(2, "Sample", True),
        "exemplars": Field(3, "Exemplar", True),
        "histograms": Field(4, "Histogram", True),
    },
    "Labels": {"labels": Field(1, "Label", True)},
    "Label": {"name": Field(1, "string"), "value": Field(2, "string")},
    "Sample": _SAMPLE,
    "Exemplar": {"labels": Field(1, "Label", True), "value": Field(2, "double"), "timestamp": Field(3, "int64")},
    "Metadata": {"type": Field(1, "int32"), "metric_family_name": Field(2, "string"), "unit": Field(5, "string")},
    "Histogram": _HISTOGRAM,
    "Span": _SPAN,
}
_SECOND = {
    "Request": {"symbols": Field(4, "string", True), "timeseries": Field(5, "bytes", True)},
    "TimeSeries": {
        "labels_refs": Field(1, "uint32", True),
        "samples": Field(2, "Sample", True),
        "histograms": Field(3, "Histogram", True),
        "exemplars": Field(4, "Exemplar", True),
        "metadata": Field(5, "Metadata"),
        "created_timestamp": Field(6, "int64"),
    },
    "Sample": _SAMPLE,
    "Exemplar": {"labels_refs": Field(1, "uint32", True), "value": Field(2, "double"), "timestamp": Field(3, "int64")},
    "Metadata": {"type": Field(1, "int32"), "help_ref": Field(3, "uint32"), "unit_ref": Field(4, "uint32")},
    "Histogram": _HISTOGRAM,
    "Span": _SPAN,
}


@cache
def first() -> dict[str, Any]:
    """Of version 1: WriteRequest and what is in it. Its time series, their labels and the metadata stay bytes."""
    return message_classes("akeso.prometheus.first", _FIRST)


@cache
def second() -> dict[str, Any]:
    """Of version 2: Request and what is in it. Its time series stay bytes."""
    return message_classes("akeso.prometheus.second", _SECOND)
