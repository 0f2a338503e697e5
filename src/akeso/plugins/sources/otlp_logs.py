"""OpenTelemetry logs over OTLP/HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import Attributes, Codes, LogBlock, Mask, SpanIds, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import IMPOSSIBLE
from akeso.protocols.otlp import signals as otlp
from akeso.protocols.otlp.any_value import text
from akeso.protocols.otlp.encoding import encoding_of, encoding_or_json
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_number

_WIDTHS = frozenset({0, 16})
_SPAN_WIDTHS = frozenset({0, 8})
_EXCEPTION = ("exception.type", "exception.message")


class OtlpLogs:
    """Log records of both encodings, one block a resource.

    The body is what a person would read: the record's body, the event's name when there is none, and an attached
    exception's type and message behind it. A malformed trace or span id costs only itself.
    """

    name = "otlp_logs"
    paths = ("/v1/logs",)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        encoding, rejections = encoding_of(request), Rejections()
        message = encoding.parse("logs", request.body, rejections)
        reader = _Reader(encoding, rejections, request.received_at)
        blocks = [
            reader.read(resource, rejections.place("resourceLogs", index))
            for index, resource in enumerate(message.resource_logs)
        ]
        logs = tuple(block for block in blocks if block is not None and len(block))
        batch = TelemetryBatch(request.tenant, request.received_at, logs=logs)
        rejections.check(len(batch))
        return otlp.taken(encoding, "logs", batch, request, rejections)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A google.rpc.Status."""
        return otlp.refuse(encoding_or_json(request), error, status)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the resources of one request."""

    encoding: otlp.Encoding
    rejections: Rejections
    received_at: int

    def read(self, resource: Any, place: str) -> LogBlock | None:
        """The records of a resource; None when nothing tells whose they are."""
        scopes = resource.scope_logs
        records = [record for scope in scopes for record in scope.log_records]
        try:
            service, instance = otlp.origin(resource.resource)
        except InvalidInput as bad:
            self.rejections.reject(place, bad, len(records))
            return None
        places = otlp.Places(place, "scopeLogs", "logRecords", [len(scope.log_records) for scope in scopes])
        return self._block(service, instance, records, places)

    def _block(self, service: str, instance: Attributes, records: Sequence[Any], places: otlp.Places) -> LogBlock:
        stamps = [record.time_unix_nano or record.observed_time_unix_nano for record in records]
        time, can_be = otlp.times(stamps, self.received_at)
        body, readable = _bodies(records)
        trace = self._ids("traceId", [record.trace_id for record in records], _WIDTHS)
        span = self._ids("spanId", [record.span_id for record in records], _SPAN_WIDTHS)
        block = LogBlock(service, time, _severities(records), body, trace, instance, span)
        fits = {"timeUnixNano": (can_be, IMPOSSIBLE), "body": (readable, "is nested too deep")}
        keep = otlp.reject_unless(fits, places, self.rejections)
        return block if keep.all() else block.where(keep)

    def _ids(self, field: str, ids: Sequence[Any], widths: frozenset[int]) -> SpanIds:
        """Of no trace or span where the id is malformed."""
        found, fits = otlp.low_halves(self.encoding.identifiers(ids), widths)
        self.rejections.omit(field, int(np.count_nonzero(~fits)))
        return found


def _bodies(records: Sequence[Any]) -> tuple[tuple[str, ...], Mask]:
    """The text of each record, and whether it could be read."""
    try:
        return tuple(map(_body, records)), np.ones(len(records), np.bool_)
    except InvalidInput:
        found = list(map(_readable_body, records))
        return tuple(each or "" for each in found), np.array([each is not None for each in found], np.bool_)


def _readable_body(record: Any) -> str | None:
    try:
        return _body(record)
    except InvalidInput:
        return None


def _severities(records: Sequence[Any]) -> Codes:
    numbers = [record.severity_number or severity_number(record.severity_text) for record in records]
    column = np.array(numbers, np.int64)
    return np.where((column >= 0) & (column <= 24), column, 0).astype(np.uint8)


def _body(record: Any) -> str:
    body = text(record.body) or record.event_name
    found = {item.key: text(item.value) for item in record.attributes if item.key in _EXCEPTION}
    said = ": ".join(found[name] for name in _EXCEPTION if found.get(name))
    return f"{body}: {said}" if body and said else body or said
