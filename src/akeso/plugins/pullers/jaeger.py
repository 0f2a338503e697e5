"""Jaeger, asked for traces and for the calls between services that it has worked out."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import structlog
from msgspec import Meta

from akeso.domain.errors import InvalidInput
from akeso.domain.estate.topology import Edge
from akeso.domain.telemetry.batches import NANOSECONDS, SpanBlock, SpanKind, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.pullers._endpoint import Endpoint, Query
from akeso.ports.puller import Address, PullRequest, PullResult
from akeso.protocols.json_items import read_items
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE
from akeso.protocols.otlp.span_peers import peer_of
from akeso.protocols.rejections import Rejections

log = structlog.get_logger(__name__)

_MICROSECOND, _MILLISECOND = 1_000, 1_000_000
_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_CALLING = frozenset({"client", "producer", "consumer"})
_REMEMBERED = 200_000
_Instant = Annotated[int, Meta(ge=0, le=2**63 // _MICROSECOND - 1)]
_Duration = Annotated[int, Meta(ge=0, le=10**12)]


class _Tag(msgspec.Struct, frozen=True):
    key: str
    value: str | float | bool | None = None


class _Reference(msgspec.Struct, frozen=True, rename={"kind": "refType", "trace": "traceID", "span": "spanID"}):
    kind: str = "CHILD_OF"
    trace: str = ""
    span: str = ""


_SPAN_NAMES = {
    "trace": "traceID",
    "span": "spanID",
    "name": "operationName",
    "process": "processID",
    "start": "startTime",
}


class _Span(msgspec.Struct, frozen=True, rename=_SPAN_NAMES):
    trace: str
    span: str
    process: str
    start: _Instant
    duration: _Duration
    name: str = ""
    references: tuple[_Reference, ...] | None = ()
    tags: tuple[_Tag, ...] | None = ()


class _Process(msgspec.Struct, frozen=True, rename="camel"):
    service_name: str = UNKNOWN_SERVICE


class _Trace(msgspec.Struct, frozen=True):
    spans: tuple[msgspec.Raw, ...] = ()
    processes: dict[str, _Process] = {}


class _Dependency(msgspec.Struct, frozen=True, rename="camel"):
    parent: str
    child: str
    call_count: Annotated[int, Meta(ge=0)] = 0


class _Traces(msgspec.Struct, frozen=True):
    data: list[msgspec.Raw] | None = None


class _Services(msgspec.Struct, frozen=True):
    data: list[str] | None = None


class _Dependencies(msgspec.Struct, frozen=True):
    data: list[_Dependency] | None = None


class _Row(NamedTuple):
    """A span and its ids, which could be read."""

    service: str
    span: _Span
    tags: Mapping[str, str]
    trace: int
    parent: int
    link: int


class Jaeger:
    """Asks `/api/traces` for each service, and `/api/dependencies` once in a while.

    services: whom to ask for; all that `/api/services` names when there are none. limit: the most traces a service. A
    trace is found by when it began, so the last `overlap` seconds are asked for again and what was told before is left
    out. dependencies: seconds between two looks at the dependencies, and the span they are asked for; 0 for never.
    """

    name = "jaeger"

    def __init__(
        self,
        address: Address,
        services: tuple[str, ...] = (),
        limit: int = 1500,
        overlap: float = 10.0,
        dependencies: float = 60.0,
    ) -> None:
        self._endpoint = Endpoint(address)
        self._services, self._limit = tuple(services), limit
        self._overlap, self._lookback = round(overlap * NANOSECONDS), round(dependencies * NANOSECONDS)
        self._looked = 0
        self._declared: OrderedDict[int, None] = OrderedDict()
        self._traces = msgspec.json.Decoder(_Traces)
        self._names = msgspec.json.Decoder(_Services)
        self._calls = msgspec.json.Decoder(_Dependencies)

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        """See akeso.ports.puller.Puller."""
        del table
        found: dict[int, _Row] = {}
        rejections = Rejections()
        for service in self._services or await self._known():
            for trace in read_items(await self._began(service, request), _TRACE, service, rejections):
                found |= _rows(trace, rejections)
        services: dict[str, list[_Row]] = {}
        for identity, row in found.items():
            if identity not in self._declared:
                services.setdefault(row.service, []).append(row)
        spans = tuple(_block(service, rows) for service, rows in services.items())
        batch = TelemetryBatch(request.tenant, request.until, spans=spans)
        return PullResult(batch, request.until, (), await self._edges(request), rejections.rejected)

    def accepted(self, pulled: PullResult) -> None:
        """Remembers which spans were told, and when dependencies were."""
        for block in pulled.batch.spans:
            self._declared.update(dict.fromkeys(block.span.tolist()))
        while len(self._declared) > _REMEMBERED:
            self._declared.popitem(last=False)
        if pulled.edges:
            self._looked = pulled.upto

    async def close(self) -> None:
        """See akeso.ports.puller.Puller."""
        await self._endpoint.close()

    async def _known(self) -> Sequence[str]:
        return (await self._endpoint.get("/api/services", {}, self._names)).data or ()

    async def _began(self, service: str, request: PullRequest) -> Sequence[msgspec.Raw]:
        """The traces with a span of the service that began in the span asked for."""
        query: Query = {
            "service": service,
            "start": max(0, request.since - self._overlap) // _MICROSECOND,
            "end": request.until // _MICROSECOND,
            "limit": self._limit,
        }
        found = (await self._endpoint.get("/api/traces", query, self._traces)).data or ()
        if len(found) >= self._limit:
            log.warning("jaeger.truncated", service=service, traces=len(found))
        return found

    async def _edges(self, request: PullRequest) -> tuple[Edge, ...]:
        if not self._lookback or request.until - self._looked < self._lookback:
            return ()
        query: Query = {"endTs": request.until // _MILLISECOND, "lookback": self._lookback // _MILLISECOND}
        found = (await self._endpoint.get("/api/dependencies", query, self._calls)).data or ()
        seconds = self._lookback / NANOSECONDS
        return tuple(
            Edge(each.parent, each.child, rate=each.call_count / seconds, last_seen=request.until)
            for each in found
            if each.call_count and each.parent != each.child
        )


_TRACE, _SPAN = msgspec.json.Decoder(_Trace), msgspec.json.Decoder(_Span)


def _rows(trace: _Trace, rejections: Rejections) -> dict[int, _Row]:
    spans = read_items(trace.spans, _SPAN, "spans", rejections)
    return dict(rejections.sift(((span.span, span) for span in spans), lambda span: _row(trace, span)))


def _row(trace: _Trace, span: _Span) -> tuple[int, _Row]:
    """A span's own id and the rest. Raises InvalidInput for ids that cannot be read."""
    service = trace.processes.get(span.process, _Process()).service_name
    tags = {tag.key: _text(tag.value) for tag in span.tags or ()}
    row = _Row(service, span, tags, _identifier(span.trace, "traceID"), _parent(span), _link(span))
    return _identifier(span.span, "spanID"), row


def _block(service: str, rows: Sequence[_Row]) -> SpanBlock:
    operations: dict[str, int] = {}
    peers: dict[str, int] = {}
    kinds = [row.tags.get("span.kind", "") for row in rows]
    names = [peer_of(row.tags) if kind in _CALLING else "" for row, kind in zip(rows, kinds, strict=True)]
    return SpanBlock(
        service=service,
        operation=np.array([operations.setdefault(row.span.name, len(operations)) for row in rows], np.int32),
        peer=np.array([peers.setdefault(name, len(peers)) for name in names], np.int32),
        operations=tuple(operations),
        peers=tuple(peers),
        trace=np.array([row.trace for row in rows], np.uint64),
        span=np.array([_identifier(row.span.span, "spanID") for row in rows], np.uint64),
        parent=np.array([row.parent for row in rows], np.uint64),
        kind=np.array([_KINDS.get(kind, SpanKind.UNSPECIFIED) for kind in kinds], np.uint8),
        start=np.array([row.span.start for row in rows], np.int64) * _MICROSECOND,
        duration=np.array([row.span.duration for row in rows], np.int64) * _MICROSECOND,
        error=np.array([_failed(row.tags) for row in rows], np.bool_),
        link=np.array([row.link for row in rows], np.uint64),
    )


def _parent(span: _Span) -> int:
    # What a queue's consumer does FOLLOWS_FROM what the producer did.
    own = [reference for reference in span.references or () if reference.trace in {span.trace, ""}]
    first = next((each for each in own if each.kind == "CHILD_OF"), own[0] if own else None)
    return _identifier(first.span, "references.spanID") if first else 0


def _link(span: _Span) -> int:
    """The span of another trace that it refers to, 0 if none: a link costs only itself."""
    others = [reference.span for reference in span.references or () if reference.trace not in {span.trace, ""}]
    try:
        return _identifier(others[0], "references.spanID") if others else 0
    except InvalidInput:
        return 0


def _failed(tags: Mapping[str, str]) -> bool:
    return tags.get("error") == "true" or tags.get("otel.status_code") == "ERROR"


def _identifier(text: str, field: str) -> int:
    try:
        return int(text[-16:], 16)
    except ValueError as bad:
        raise InvalidInput(field, "is not hexadecimal") from bad


def _text(value: str | float | bool | None) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case _:
            return str(value)
