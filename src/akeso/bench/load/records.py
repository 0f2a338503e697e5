"""Log and span bodies of a shop that exists only here."""

import struct

import cramjam
import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from akeso.bench.load.bodies import Body
from akeso.domain.telemetry import NANOSECONDS
from akeso.testing.wire import number, text

LINES = 5_000
TRACES = 500
_SERVICES = 20
_PATHS = ("/cart", "/checkout", "/catalog/items", "/orders", "/profile")
_STATEMENTS = (
    "accepted connection from 10.{a}.{b}.{c}:{d} after {e} ms",
    "order {d} of customer {e} was placed: total {a}.{b} EUR",
    "GET /catalog/items/{d} 200 {e} {a}ms",
    "cache lookup for key item:{d} missed, region r{a}",
    "retrying call to payments in {e} ms, attempt {a}",
    "transaction {d} committed in {e} us, {a} rows",
    "user {e} logged in from session {d}{b}",
    "worker {a} took job {d} from queue orders, {e} left",
    "garbage collection took {a} ms, freed {d} bytes",
    "scheduled reindex of shard {a} finished with {e} documents",
    "slow query ({e} ms): select of table items where id = {d}",
    "published event order-shipped to partition {a} at offset {d}",
)


class LogLoad:
    """Bodies of Loki's push protocol, LINES lines of one service each, numbers drawn anew for every body."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random, self._made = random, 0

    def lines(self, count: int) -> list[str]:
        """Lines of 240 statements: each of the sentences with one of 20 components in front."""
        drawn = self._random.integers(1, 250, (count, 3)).tolist()
        large = self._random.integers(1_000, 99_999_999, (count, 2)).tolist()
        which = self._random.integers(0, len(_STATEMENTS) * 20, count).tolist()
        return [
            f"component-{chr(97 + number % 20)} {_STATEMENTS[number // 20].format(a=a, b=b, c=c, d=d, e=e)}"
            for number, (a, b, c), (d, e) in zip(which, drawn, large, strict=True)
        ]

    def body(self, instant: int) -> Body:
        """The request of an instant (ns)."""
        service = self._made % _SERVICES
        self._made += 1
        second, rest = divmod(instant, NANOSECONDS)
        stamp = text(1, number(1, second) + number(2, rest))
        entries = [text(2, stamp + text(2, line)) for line in self.lines(LINES)]
        stream = text(1, f'{{service_name="service-{service}", level="info"}}') + b"".join(entries)
        data = bytes(cramjam.snappy.compress_raw(text(1, stream)))
        return Body(instant, data, LINES)


class SpanLoad:
    """OTLP bodies of TRACES traces: a front door, two services behind it, client and server spans: six each."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def body(self, instant: int) -> Body:
        """The request of an instant (ns); every span ended at most 100 ms before."""
        request = ExportTraceServiceRequest()
        scopes: dict[int, ScopeSpans] = {}
        for trace in range(TRACES):
            ids = self._random.bytes(64)
            end = instant - trace * 100_000
            front = trace % 4
            for service, name, kind, span, parent, took in _spans(ids, front, trace):
                scope = scopes.get(service) or scopes.setdefault(service, _scope(request, service))
                made = scope.spans.add(name=name, kind=kind, trace_id=ids[:16], span_id=span, parent_span_id=parent)
                made.start_time_unix_nano, made.end_time_unix_nano = end - took, end
                made.attributes.add(key="http.request.method").value.string_value = "GET"
                made.attributes.add(key="server.address").value.string_value = f"service-{service}.shop.svc"
                made.attributes.add(key="http.response.status_code").value.int_value = 200
        return Body(instant, request.SerializeToString(), 6 * TRACES)


def _spans(ids: bytes, front: int, trace: int) -> list[tuple[int, str, int, bytes, bytes, int]]:
    # (service, name, kind, id, parent, ns): front → middle → back
    middle, back = 4 + trace % 6, 10 + trace % 10
    span = [struct.unpack_from("8s", ids, 16 + 8 * place)[0] for place in range(6)]
    path = _PATHS[trace % len(_PATHS)]
    took = 1_000_000 * (10 + trace % 40)
    return [
        (front, f"GET {path}", 2, span[0], b"", took),
        (front, "GET", 3, span[1], span[0], took - 1_000_000),
        (middle, f"GET {path}", 2, span[2], span[1], took - 2_000_000),
        (middle, "GET", 3, span[3], span[2], took - 3_000_000),
        (back, f"GET {path}", 2, span[4], span[3], took - 4_000_000),
        (back, "read", 1, span[5], span[4], took - 5_000_000),
    ]


def _scope(request: ExportTraceServiceRequest, service: int) -> ScopeSpans:
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = f"service-{service}"
    return resource.scope_spans.add()
