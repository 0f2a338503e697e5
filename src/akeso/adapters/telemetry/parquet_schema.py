"""The columns of exported telemetry."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

_STAMP, _TEXT = pa.timestamp("ns", "UTC"), pa.string()
_LABELS = pa.map_(pa.string(), pa.string())
_SHARED = [("batch", pa.int64()), ("received_at", _STAMP), ("tenant", _TEXT), ("service", _TEXT)]

SCHEMAS: Mapping[str, Any] = MappingProxyType(
    {
        "metrics": pa.schema(
            [
                *_SHARED,
                ("metric", _TEXT),
                ("attributes", _LABELS),
                ("unit", _TEXT),
                ("temporality", _TEXT),
                ("stat", _TEXT),
                ("series", pa.int32()),
                ("time", _STAMP),
                ("value", pa.float64()),
            ]
        ),
        "logs": pa.schema(
            [
                *_SHARED,
                ("block", pa.int32()),
                ("time", _STAMP),
                ("severity", pa.uint8()),
                ("body", _TEXT),
                ("trace", pa.uint64()),
                ("attributes", _LABELS),
            ]
        ),
        "spans": pa.schema(
            [
                *_SHARED,
                ("block", pa.int32()),
                ("operation", _TEXT),
                ("peer", _TEXT),
                ("trace", pa.uint64()),
                ("span", pa.uint64()),
                ("parent", pa.uint64()),
                ("kind", pa.uint8()),
                ("start", _STAMP),
                ("duration_ns", pa.int64()),
                ("error", pa.bool_()),
                ("link", pa.uint64()),
            ]
        ),
        "changes": pa.schema(
            [
                *_SHARED,
                ("kind", _TEXT),
                ("version", _TEXT),
                ("at", _STAMP),
                ("by", _TEXT),
                ("url", _TEXT),
                ("labels", _LABELS),
            ]
        ),
    }
)
