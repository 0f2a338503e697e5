"""Log and span bodies of a shop that exists only here."""

import cramjam
import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from akeso.bench.load.bodies import Body, places
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.testing.requests.protobuf_wire import number, text

LINES = 5_000
TRACES = 500
_SERVICES = 20
_MARK = b"\xa5\xd1\x8e\x3c\x69"
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
    """OTLP bodies of TRACES traces: a front door, two services behind it, client and server spans: six each.

    One body is made as protobuf makes it, with marks for its times and ids; a request patches them, so that every trace
    and span of every request has an id of its own.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        marks = _Marks()
        plain = _request(marks)
        self._plain = np.frombuffer(plain, np.uint8)
        self._places = marks.places(plain)
        self._which = np.array(marks.which, np.intp)
        self._took = np.array(marks.took, np.float64)
        self._is_time = self._took >= 0

    def body(self, instant: int) -> Body:
        """The request of an instant (ns); every span ended at most 50 ms before and took at most 100 ms."""
        words = self._random.integers(1, 2**63, int(self._which.max()) + 1)[self._which]
        # All spans of a trace end together and are as much longer or shorter than planned, so that they stay nested.
        factor = self._random.uniform(0.5, 2.0, TRACES)
        trace = self._which[self._is_time]
        words[self._is_time] = instant - trace * 100_000 - (self._took[self._is_time] * factor[trace]).astype(np.int64)
        body = self._plain.copy()
        body[self._places[:, None] + np.arange(8)] = words.astype("<i8").view(np.uint8).reshape(-1, 8)
        return Body(instant, body.tobytes(), 6 * TRACES)


class _Marks:
    """Words of eight bytes that stand for a time or an id. which: of a time its trace, of an id its number; took: of a
    time the ns that it lies before the trace's end, of an id -1."""

    def __init__(self) -> None:
        self.which: list[int] = []
        self.took: list[int] = []

    def time(self, trace: int, took: int) -> int:
        return int.from_bytes(self._mark(trace, took), "little")

    def id(self, number: int) -> bytes:
        return self._mark(number, -1)

    def places(self, body: bytes) -> NDArray[np.intp]:
        """Where each mark stands."""
        found = places(body, _MARK)
        numbers = [int.from_bytes(body[place + len(_MARK) : place + 8], "big") for place in found.tolist()]
        return found[np.argsort(numbers)]

    def _mark(self, which: int, took: int) -> bytes:
        self.which.append(which)
        self.took.append(took)
        return _MARK + (len(self.which) - 1).to_bytes(8 - len(_MARK), "big")


def _request(marks: _Marks) -> bytes:
    request = ExportTraceServiceRequest()
    scopes: dict[int, ScopeSpans] = {}
    for trace in range(TRACES):
        own = 8 * trace
        for service, name, kind, span, parent, took in _spans(trace):
            scope = scopes.get(service) or scopes.setdefault(service, _scope(request, service))
            made = scope.spans.add(name=name, kind=kind, trace_id=marks.id(own) + marks.id(own + 1))
            made.span_id = marks.id(own + span)
            made.parent_span_id = marks.id(own + parent) if parent else b""
            made.start_time_unix_nano, made.end_time_unix_nano = marks.time(trace, took), marks.time(trace, 0)
            made.attributes.add(key="http.request.method").value.string_value = "GET"
            made.attributes.add(key="server.address").value.string_value = f"service-{service}.shop.svc"
            made.attributes.add(key="http.response.status_code").value.int_value = 200
    return request.SerializeToString()


def _spans(trace: int) -> list[tuple[int, str, int, int, int, int]]:
    # (service, name, kind, id, parent, ns): front → middle → back; ids within the trace, 0 for none
    front, middle, back = trace % 4, 4 + trace % 6, 10 + trace % 10
    path = _PATHS[trace % len(_PATHS)]
    took = 1_000_000 * (10 + trace % 40)
    return [
        (front, f"GET {path}", 2, 2, 0, took),
        (front, "GET", 3, 3, 2, took - 1_000_000),
        (middle, f"GET {path}", 2, 4, 3, took - 2_000_000),
        (middle, "GET", 3, 5, 4, took - 3_000_000),
        (back, f"GET {path}", 2, 6, 5, took - 4_000_000),
        (back, "read", 1, 7, 6, took - 5_000_000),
    ]


def _scope(request: ExportTraceServiceRequest, service: int) -> ScopeSpans:
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = f"service-{service}"
    return resource.scope_spans.add()
