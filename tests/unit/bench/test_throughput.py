"""The load of `akeso bench throughput` is what real sources read; its figures are what its docstring says."""

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from akeso.bench.load.bodies import Body, Template, bodies, paced
from akeso.bench.load.kernel import STREAMING
from akeso.bench.load.metrics import ITEMS, first_templates, otlp_templates, second_templates
from akeso.bench.load.records import LINES, TRACES, LogLoad, SpanLoad
from akeso.bench.load.sender import Endpoint, Sender, Sent
from akeso.bench.load.through import Held, decided_rate, delays_of
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.discovery import build
from akeso.plugins.sources.loki_push import LokiPush
from akeso.plugins.sources.otlp_metrics import OtlpMetrics
from akeso.plugins.sources.otlp_traces import OtlpTraces
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.ports.source import IngestRequest
from akeso.protocols.snappy import unsnap
from akeso.testing.requests.remote_write import FIRST, SECOND

AT = 1_700_000_000 * NANOSECONDS
RANDOM = np.random.default_rng(1)
KINDS: dict[str, tuple[Callable[[int], list[Template]], Any, str]] = {
    "first": (first_templates, RemoteWrite(), FIRST),
    "second": (second_templates, RemoteWrite(), SECOND),
    "otlp": (otlp_templates, OtlpMetrics(), "application/x-protobuf"),
}


def request(data: bytes, source: Any, content_type: str, snappy: bool) -> IngestRequest:
    headers = {"content-type": content_type} | ({"content-encoding": "snappy"} if snappy else {})
    return IngestRequest(source.paths[0], headers, unsnap(data) if snappy else data, "default", AT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("series", [2_500, ITEMS])
def test_a_metric_body_holds_every_series_at_the_instant_it_is_made_for(kind: str, series: int) -> None:
    make, source, content_type = KINDS[kind]
    (template,) = make(series)
    table = SeriesTable()
    block = source.decode(request(template.at(AT, RANDOM), source, content_type, template.snappy), table).batch.metrics
    rounds = ITEMS // series
    assert len(block) == ITEMS
    assert set(Counter(block.series.tolist()).values()) == {rounds}
    assert sorted({AT - int(time) for time in block.time}) == [1_000_000 * number for number in range(rounds)]
    assert len({(s, t) for s, t in zip(block.series.tolist(), block.time.tolist(), strict=True)}) == ITEMS


def test_counters_of_a_body_only_grow() -> None:
    (template,) = first_templates(ITEMS)
    source, table = RemoteWrite(), SeriesTable()
    blocks = [
        source.decode(request(template.at(at, RANDOM), source, FIRST, True), table).batch.metrics
        for at in (AT, AT + NANOSECONDS)
    ]
    counters = np.array([key.temporality == "cumulative" for key in table.keys])[blocks[0].series]
    assert counters.sum() == ITEMS / 2
    assert (blocks[1].value > blocks[0].value)[counters].all()


def test_bodies_come_at_the_rate_and_each_series_in_turn() -> None:
    made = bodies(first_templates(2 * ITEMS), AT, 10 * ITEMS, 1.0, RANDOM)
    assert [body.due for body in made] == [AT + number * NANOSECONDS // 10 for number in range(10)]
    assert sum(body.items for body in made) == 10 * ITEMS


def test_log_and_span_bodies_hold_what_they_say() -> None:
    logs, spans = LokiPush(), OtlpTraces()
    load = LogLoad(RANDOM)
    (body,) = paced(load.body, AT, LINES, 1.0)
    taken = logs.decode(request(body.data, logs, FIRST, True), SeriesTable()).batch.logs
    assert sum(map(len, taken)) == LINES == body.items
    made = SpanLoad(RANDOM).body(AT)
    blocks = spans.decode(request(made.data, spans, FIRST, False), SeriesTable()).batch.spans
    assert sum(map(len, blocks)) == 6 * TRACES == made.items
    assert len({int(span) for block in blocks for span in block.span}) == made.items


def test_span_bodies_hold_nested_traces_of_their_own() -> None:
    source, load = OtlpTraces(), SpanLoad(RANDOM)
    bodies_ = [load.body(AT), load.body(AT + NANOSECONDS)]
    blocks = [
        block
        for body in bodies_
        for block in source.decode(request(body.data, source, FIRST, False), SeriesTable()).batch.spans
    ]
    spans = {int(block.span[row]): (block, row) for block in blocks for row in range(len(block))}
    assert len(spans) == 12 * TRACES
    assert set(Counter(int(trace) for block in blocks for trace in block.trace).values()) == {6}
    assert max(int(block.end.max()) for block in blocks) == AT + NANOSECONDS
    for block, row in spans.values():
        if parent := int(block.parent[row]):
            above, at = spans[parent]
            assert above.trace[at] == block.trace[row]
            assert above.start[at] < block.start[row] < block.end[row] == above.end[at]


def sent(due_s: float, items: int = 10) -> Sent:
    body = Body(AT + round(due_s * NANOSECONDS), b"", items)
    return Sent(body, body.due, body.due + 1, True)


def test_the_rate_is_that_of_whole_slots_between_two_decisions() -> None:
    taken = [sent(0.1 + number / 10) for number in range(100)]
    seen = [(AT + number * NANOSECONDS, AT + round((number + 0.7) * NANOSECONDS)) for number in range(1, 11)]
    assert decided_rate(taken, seen) == pytest.approx(100.0)
    behind = [(end, at + (end - AT)) for end, at in seen]
    assert decided_rate(taken, behind) == pytest.approx(50.0)
    assert decided_rate(taken, seen[:4]) == 0.0


def test_a_delay_ends_with_the_decision_of_the_samples_own_slot() -> None:
    taken = [sent(0.0), sent(4.25), sent(4.75), sent(5.5)]
    seen = [(AT + 5 * NANOSECONDS, AT + 6 * NANOSECONDS)]
    delay, weight = delays_of(taken, seen)
    assert delay == [1750.0, 1250.0, float("inf")]
    assert weight == [10, 10, 10]


def test_an_early_look_decides_on_what_came_before_it() -> None:
    look = AT + round(4.9 * NANOSECONDS)
    seen = [(look, look), (AT + 5 * NANOSECONDS, AT + round(5.4 * NANOSECONDS))]
    delay, _ = delays_of([sent(0.0), sent(4.25), sent(4.95)], seen)
    assert delay == [pytest.approx(650.0), pytest.approx(450.0)]


@pytest.mark.parametrize(("misplaced", "lost", "p99"), [(0.02, 0, 1000), (0, 0.02, 1000), (0, 0, 4000)])
def test_a_load_that_is_refused_or_late_was_not_kept_up_with(misplaced: float, lost: float, p99: float) -> None:
    assert Held(1, 1, 0.0, 0.0, 1000, 1000, 1).kept_up
    assert not Held(1, 1, misplaced, lost, 1000, p99, 1).kept_up


def test_the_sender_gives_up_what_is_too_late_and_notes_what_was_taken() -> None:
    got: list[bytes] = []

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204 if got[-1] != b"no" else 429)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        soon = 2**62
        sender = Sender(Endpoint(f"http://127.0.0.1:{server.server_port}", "/x", ""), 1, now=lambda: soon)
        found = sender.send([Body(0, b"old", 1), Body(soon, b"yes", 1), Body(soon, b"no", 1)])
    finally:
        server.shutdown()
        server.server_close()
    assert sender.given_up == 1
    assert got == [b"yes", b"no"]
    assert [each.taken for each in found] == [True, False]


def test_every_streaming_detector_of_the_kernel_is_there() -> None:
    assert set(build("detectors")) >= STREAMING


def test_a_template_puts_numbers_where_they_belong() -> None:
    template = Template(
        plain=np.zeros(24, np.uint8),
        stamps=np.array([0]),
        values=np.array([16]),
        offsets=np.array([5]),
        varint=False,
        climbs=np.array([True]),
        snappy=False,
    )
    made = np.frombuffer(template.at(AT, RANDOM), "<i8")
    assert made[0] == AT - 5
    assert made[1] == 0
    assert made[2:].view("<f8")[0] == float((AT - 5) % (10**6 * NANOSECONDS) // 1_000_000)
