"""OpenTelemetry logs over OTLP/HTTP."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import Codes, LogBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.otlp import signals as otlp
from akeso.protocols.otlp.any_value import text
from akeso.protocols.otlp.encoding import encoding_of, encoding_or_json
from akeso.protocols.severity import severity_number

_WIDTHS = frozenset({0, 16})
_SPAN_WIDTHS = frozenset({0, 8})
_EXCEPTION = ("exception.type", "exception.message")


class OtlpLogs:
    """Log records of both encodings, one block a resource.

    The body is what a person would read: the record's body, the event's name when there is none, and an attached
    exception's type and message behind it.
    """

    name = "otlp_logs"
    paths = ("/v1/logs",)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        encoding = encoding_of(request)
        message = encoding.parse("logs", request.body)
        blocks = tuple(_block(encoding, resource, request.received_at) for resource in message.resource_logs)
        logs = tuple(block for block in blocks if len(block))
        return Intake(TelemetryBatch(request.tenant, request.received_at, logs=logs), otlp.accept(encoding, "logs"))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A google.rpc.Status."""
        return otlp.refuse(encoding_or_json(request), error, status)


def _block(encoding: otlp.Encoding, resource: Any, received_at: int) -> LogBlock:
    service, instance = otlp.origin(resource.resource)
    records = [record for scope in resource.scope_logs for record in scope.log_records]
    stamps = [record.time_unix_nano or record.observed_time_unix_nano for record in records]
    ids = encoding.identifiers([record.trace_id for record in records], "traceId")
    spans = encoding.identifiers([record.span_id for record in records], "spanId")
    return LogBlock(
        service,
        otlp.times(stamps, received_at, "timeUnixNano"),
        _severities(records),
        tuple(map(_body, records)),
        otlp.low_halves(ids, _WIDTHS, "traceId"),
        instance,
        otlp.low_halves(spans, _SPAN_WIDTHS, "spanId"),
    )


def _severities(records: Sequence[Any]) -> Codes:
    numbers = [record.severity_number or severity_number(record.severity_text) for record in records]
    column = np.array(numbers, np.int64)
    return np.where((column >= 0) & (column <= 24), column, 0).astype(np.uint8)


def _body(record: Any) -> str:
    body = text(record.body) or record.event_name
    found = {item.key: text(item.value) for item in record.attributes if item.key in _EXCEPTION}
    said = ": ".join(found[name] for name in _EXCEPTION if found.get(name))
    return f"{body}: {said}" if body and said else body or said
