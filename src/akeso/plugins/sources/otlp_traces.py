"""OpenTelemetry spans over OTLP/HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import Ids, Mask, SpanBlock, SpanIds, SpanKind, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.entities import beside_production
from akeso.protocols.instant import IMPOSSIBLE
from akeso.protocols.otlp import signals as otlp
from akeso.protocols.otlp.any_value import text
from akeso.protocols.otlp.encoding import encoding_of, encoding_or_json
from akeso.protocols.otlp.span_peers import PEER_ATTRIBUTES, peer_told
from akeso.protocols.rejections import Rejections

_ERROR = 2
_CALLING = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER})
_TRACE, _SPAN, _PARENT = frozenset({16}), frozenset({8}), frozenset({0, 8})
_NO_ROLE = frozenset({SpanKind.UNSPECIFIED, SpanKind.INTERNAL})
_LINKING = _NO_ROLE | {SpanKind.CONSUMER}
# SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK and …_IS_REMOTE_MASK of opentelemetry-proto: the parent is another process's.
_REMOTE = 0x300


class OtlpTraces:
    """Spans of both encodings, one block a resource.

    A span without trace id, span id or a time that can be is rejected with partial success; one whose parent's id is
    malformed is kept as one without parent. A span that states no role but has a remote parent is where its service
    is entered, and kept as SERVER. Of the links of a consumer or a root the first is kept.
    """

    name = "otlp_traces"
    paths = ("/v1/traces",)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        encoding, rejections = encoding_of(request), Rejections()
        message = encoding.parse("trace", request.body, rejections)
        reader = _Reader(encoding, rejections, request.received_at)
        blocks = [
            reader.read(resource, rejections.place("resourceSpans", index))
            for index, resource in enumerate(message.resource_spans)
        ]
        spans = tuple(block for block in blocks if block is not None and len(block))
        batch = TelemetryBatch(request.tenant, request.received_at, spans=spans)
        rejections.check(len(batch))
        return otlp.taken(encoding, "trace", batch, request, rejections)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A google.rpc.Status."""
        return otlp.refuse(encoding_or_json(request), error, status)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the resources of one request."""

    encoding: otlp.Encoding
    rejections: Rejections
    received_at: int

    def read(self, resource: Any, place: str) -> SpanBlock | None:
        """The spans of a resource; None when nothing tells whose they are."""
        scopes = resource.scope_spans
        spans = [span for scope in scopes for span in scope.spans]
        try:
            service, _ = otlp.origin(resource.resource)
        except InvalidInput as bad:
            self.rejections.reject(place, bad, len(spans))
            return None
        places = otlp.Places(place, "scopeSpans", "spans", [len(scope.spans) for scope in scopes])
        return self._block(service, spans, places)

    def _block(self, service: str, spans: Sequence[Any], places: otlp.Places) -> SpanBlock:
        trace, has_trace = self._ids([span.trace_id for span in spans], _TRACE)
        own, has_own = self._ids([span.span_id for span in spans], _SPAN)
        parent, has_parent = self._ids([span.parent_span_id for span in spans], _PARENT)
        start, began = otlp.times([span.start_time_unix_nano for span in spans], self.received_at)
        ends, ended = otlp.times([span.end_time_unix_nano for span in spans], 0)
        operation, operations = _numbered([span.name for span in spans])
        kinds = _kinds(spans)
        peer, peers = _numbered(
            [self._peer(span) if kind in _CALLING else "" for span, kind in zip(spans, kinds, strict=True)]
        )
        # Whom one in staging calls by its bare name is the one in staging.
        beside = beside_production(service)
        peers = tuple(f"{beside}{peer}" if peer else "" for peer in peers) if beside else peers
        error = np.array([span.status.code == _ERROR for span in spans], np.bool_)
        # Clocks step back and broken senders leave the end out: a span never takes less than no time.
        duration = np.maximum(ends - start, 0)
        columns = (trace, own, parent, operation, peer, np.array(kinds, np.uint8), start, duration, error)
        block = SpanBlock(service, operations, peers, *columns, self._links(spans, kinds))
        self.rejections.omit("parentSpanId", int(np.count_nonzero(~has_parent)))
        fits = {
            "traceId": (has_trace, "has to be 16 bytes long"),
            "spanId": (has_own, "has to be 8 bytes long"),
            "startTimeUnixNano": (began, IMPOSSIBLE),
            "endTimeUnixNano": (ended, IMPOSSIBLE),
        }
        keep = otlp.reject_unless(fits, places, self.rejections)
        return block if keep.all() else block.where(keep)

    def _links(self, spans: Sequence[Any], kinds: Sequence[int]) -> SpanIds:
        """Empty when there are none."""
        if _LINKING.isdisjoint(kinds):
            return np.empty(0, np.uint64)
        linked = [span.links if kind in _LINKING else () for span, kind in zip(spans, kinds, strict=True)]
        if not any(linked):
            return np.empty(0, np.uint64)
        none = type(spans[0].span_id)()
        link, fits = self._ids([links[0].span_id if links else none for links in linked], _PARENT)
        self.rejections.omit("links", int(np.count_nonzero(~fits)))
        return link

    def _ids(self, ids: Sequence[Any], widths: frozenset[int]) -> tuple[SpanIds, Mask]:
        return otlp.low_halves(self.encoding.identifiers(ids), widths)

    def _peer(self, span: Any) -> str:
        found = [(item.key, item.value) for item in span.attributes if item.key in PEER_ATTRIBUTES]
        try:
            return peer_told(tuple([(key, value.string_value or text(value)) for key, value in found]))
        except InvalidInput:
            self.rejections.omit("attributes")
            return ""


def _kinds(spans: Sequence[Any]) -> list[int]:
    kinds = [span.kind if 0 <= span.kind <= SpanKind.CONSUMER else SpanKind.UNSPECIFIED for span in spans]
    if _NO_ROLE.isdisjoint(kinds):
        return kinds
    return [
        SpanKind.SERVER if kind in _NO_ROLE and span.flags & _REMOTE == _REMOTE else kind
        for kind, span in zip(kinds, spans, strict=True)
    ]


def _numbered(names: Sequence[str]) -> tuple[Ids, tuple[str, ...]]:
    """int32[n] the number of each name, and the names by number."""
    numbers: dict[str, int] = {}
    column = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)
    return column, tuple(numbers)
