"""OpenTelemetry spans over OTLP/HTTP."""

from typing import Any

import numpy as np

from akeso.domain.errors import AkesoError
from akeso.domain.telemetry.batches import SpanBlock, SpanIds, SpanKind, TelemetryBatch, Times
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.otlp import signals as otlp
from akeso.protocols.otlp.any_value import text
from akeso.protocols.otlp.encoding import encoding_of, encoding_or_json
from akeso.protocols.otlp.span_peers import PEER_ATTRIBUTES, peer_told

_ERROR = 2
_CALLING = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER})
_TRACE, _SPAN, _PARENT = frozenset({16}), frozenset({8}), frozenset({0, 8})


class OtlpTraces:
    """Spans of both encodings, one block a resource."""

    name = "otlp_traces"
    paths = ("/v1/traces",)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        encoding = encoding_of(request)
        message = encoding.parse("trace", request.body)
        blocks = tuple(_block(encoding, resource, request.received_at) for resource in message.resource_spans)
        spans = tuple(block for block in blocks if len(block))
        return Intake(TelemetryBatch(request.tenant, request.received_at, spans=spans), otlp.accept(encoding, "trace"))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A google.rpc.Status."""
        return otlp.refuse(encoding_or_json(request), error, status)


def _block(encoding: otlp.Encoding, resource: Any, received_at: int) -> SpanBlock:
    service, _ = otlp.origin(resource.resource)
    spans = [span for scope in resource.scope_spans for span in scope.spans]
    operations: dict[str, int] = {}
    peers: dict[str, int] = {}
    kinds = [span.kind if 0 <= span.kind <= SpanKind.CONSUMER else SpanKind.UNSPECIFIED for span in spans]
    names = [_peer(span) if kind in _CALLING else "" for span, kind in zip(spans, kinds, strict=True)]
    start = otlp.times([span.start_time_unix_nano for span in spans], received_at, "startTimeUnixNano")
    return SpanBlock(
        service=service,
        operation=np.array([operations.setdefault(span.name, len(operations)) for span in spans], np.int32),
        peer=np.array([peers.setdefault(name, len(peers)) for name in names], np.int32),
        operations=tuple(operations),
        peers=tuple(peers),
        trace=_ids(encoding, [span.trace_id for span in spans], _TRACE, "traceId"),
        span=_ids(encoding, [span.span_id for span in spans], _SPAN, "spanId"),
        parent=_ids(encoding, [span.parent_span_id for span in spans], _PARENT, "parentSpanId"),
        kind=np.array(kinds, np.uint8),
        start=start,
        duration=_durations(start, [span.end_time_unix_nano for span in spans]),
        error=np.array([span.status.code == _ERROR for span in spans], np.bool_),
    )


def _peer(span: Any) -> str:
    found = [(item.key, item.value) for item in span.attributes if item.key in PEER_ATTRIBUTES]
    return peer_told(tuple([(key, value.string_value or text(value)) for key, value in found]))


def _ids(encoding: otlp.Encoding, ids: list[Any], widths: frozenset[int], field: str) -> SpanIds:
    return otlp.low_halves(encoding.identifiers(ids, field), widths, field)


def _durations(start: Times, ends: list[int]) -> Times:
    # Clocks step back and broken senders leave the end out: a span never takes less than no time.
    duration: Times = np.maximum(otlp.times(ends, 0, "endTimeUnixNano") - start, 0)
    return duration
