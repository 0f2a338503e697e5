"""StatsD, Graphite, syslog and Fluent forward: what their lines and messages become."""

import gzip
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from akeso.domain.telemetry.batches import LogBlock, SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.fluent_forward import FluentForward
from akeso.plugins.sources.graphite import Graphite
from akeso.plugins.sources.statsd import Statsd
from akeso.plugins.sources.syslog import Syslog
from akeso.ports.source import Intake
from akeso.protocols.msgpack_frames import message_end
from akeso.testing.requests.sources import RECEIVED_AT, request_to

AT = 1_700_000_000_000_000_000
DELTA = Temporality.DELTA


class Meter:
    """A source of metrics with its table."""

    def __init__(self, source: Statsd | Graphite) -> None:
        self.source, self.table = source, SeriesTable()

    def take(self, *lines: str) -> Intake:
        self.intake = self.source.decode(request_to(self.source.paths[0], "\n".join(lines).encode()), self.table)
        return self.intake

    def values(self, *lines: str) -> Mapping[SeriesKey, float]:
        block = self.take(*lines).batch.metrics
        return {self.table[series]: value for series, value in zip(block.series, block.value, strict=True)}


def test_counters_of_a_request_add_up_and_sampled_ones_are_scaled() -> None:
    found = Meter(Statsd()).values("shop.calls:1|c", "shop.calls:2|c|@0.1", "shop.calls:1:1|c")
    assert found == {SeriesKey("default", "shop", "shop.calls", temporality=DELTA): 23.0}


def test_levels_are_set_and_moved() -> None:
    meter, users = Meter(Statsd()), SeriesKey("default", "shop", "shop.users")
    assert meter.values("shop.users:7|g") == {users: 7.0}
    assert meter.values("shop.users:+3|g", "shop.users:-1|g") == {users: 9.0}


def test_timings_are_a_distribution_in_milliseconds() -> None:
    found = Meter(Statsd()).values("shop.wait:12|ms", "shop.wait:30|ms", "shop.wait:9999999|ms")
    told = {(key.stat, dict(key.attributes).get("le")): value for key, value in found.items() if key.unit == "ms"}
    assert (told["count", None], told["sum", None]) == (3.0, 10_000_041.0)
    assert [told["bucket", le] for le in ("10.0", "25.0", "50.0", "+Inf")] == [0.0, 1.0, 2.0, 3.0]


def test_a_set_counts_what_is_different() -> None:
    assert list(Meter(Statsd()).values("shop.ids:a|s", "shop.ids:b|s", "shop.ids:a|s").values()) == [2.0]


def test_tags_of_datadog_name_the_service_and_are_attributes() -> None:
    (key,) = Meter(Statsd()).values("calls:1|c|#service:cart,env:prod,canary|c:abc|T1700000000")
    assert (key.service, key.attributes) == ("cart", (("canary", "true"), ("env", "prod")))


def test_a_line_that_does_not_fit_costs_only_itself() -> None:
    intake = Meter(Statsd()).take("a.b:1|c", "nonsense", "a.b:x|c", "_e{1,1}:a|b", "a.b:1|c|@7", "a.b:1|c")
    assert [each.item for each in intake.rejected] == ["line 2", "line 3", "line 4", "line 5"]
    assert intake.batch.metrics.value.tolist() == [2.0]


def test_graphite_has_paths_tags_and_times() -> None:
    meter = Meter(Graphite(service_segment=1))
    block = meter.take("servers.web1.load 1.5 1700000000", "disk;service=db;mount=/ 2 -1").batch.metrics
    assert [(key.service, key.metric, key.attributes) for key in meter.table.keys] == [
        ("web1", "servers.web1.load", ()),
        ("db", "disk", (("mount", "/"),)),
    ]
    assert block.time.tolist() == [AT, RECEIVED_AT]
    assert [each.item for each in meter.take("a.b 1 1700000000", "a.b one 1700000000", "a.b 1 7").rejected] == [
        "line 2",
        "line 3",
    ]


def blocks(body: bytes) -> tuple[LogBlock, ...]:
    return Syslog().decode(request_to("/api/v1/syslog", body), SeriesTable()).batch.logs


def test_a_message_of_rfc_5424() -> None:
    data = rb'[exampleSDID@32473 iut="3" note="a \"quoted\" \] one" trace_id="' + b"ab" * 16 + b'"]'
    (block,) = blocks(b"<165>1 2023-11-14T22:13:20.003000001Z web1 cart 123 ID47 " + data + b" \xef\xbb\xbfit broke")
    assert (block.service, block.attributes, block.body) == ("cart", (("service.instance.id", "web1"),), ("it broke",))
    assert block.time.tolist() == [AT + 3_000_001]
    assert block.severity.tolist() == [10]
    assert block.trace.tolist() == [int("ab" * 8, 16)]


@pytest.mark.parametrize(
    ("message", "service", "text", "at"),
    [
        (b"<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed", "su", "'su root' failed", RECEIVED_AT),
        (b"<34>2023-11-14T22:13:20+00:00 mymachine su: failed", "su", "failed", AT),
        (b"<34>%LINK-3-UPDOWN: Interface up", "unknown_service", "%LINK-3-UPDOWN: Interface up", RECEIVED_AT),
        (b"<34>worker[7]: it broke", "worker", "it broke", RECEIVED_AT),
        (b"<34>1 - - - - - - ", "unknown_service", "", RECEIVED_AT),
        (b"<34>1 noon h su - - - x", "su", "x", RECEIVED_AT),
    ],
)
def test_older_forms_are_read_as_far_as_they_go(message: bytes, service: str, text: str, at: int) -> None:
    (block,) = blocks(message)
    assert (block.service, block.body, block.time.tolist(), block.severity.tolist()) == (service, (text,), [at], [18])


def test_messages_may_be_counted_or_be_lines() -> None:
    message = b"<34>1 - h a - - - x\ny"
    assert [block.body for block in blocks(b"%d %b" % (len(message), message) * 2)] == [("x\ny", "x\ny")]
    (block,) = blocks(b"<34>1 - h a - - - x\n\n<34>1 - h a - - - z\n")
    assert block.body == ("x", "z")


def test_a_message_without_priority_costs_only_itself() -> None:
    intake = Syslog().decode(request_to("/", b"<34>1 - h a - - - x\nhello\n<999>x\n"), SeriesTable())
    assert [each.item for each in intake.rejected] == ["message 2", "message 3"]


def event_time(seconds: int, nanos: int) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(0, seconds.to_bytes(4, "big") + nanos.to_bytes(4, "big"))


RECORD = {
    "log": "level=warn it is slow\n",
    "kubernetes": {"labels": {"app.kubernetes.io/name": "cart"}, "pod_name": "p"},
}
ENTRY = [event_time(1_700_000_000, 7), RECORD]
PACKED = msgspec.msgpack.encode(ENTRY)
MODES: list[list[object]] = [
    ["kube.x", *ENTRY],
    ["kube.x", [ENTRY]],
    ["kube.x", PACKED, {"size": 1}],
    ["kube.x", gzip.compress(PACKED), {"compressed": "gzip"}],
    ["kube.x", [[[event_time(1_700_000_000, 7), {}], RECORD]]],
]


def forwarded(body: bytes) -> Intake:
    return FluentForward().decode(request_to("/api/v1/fluent", body, "application/msgpack"), SeriesTable())


@pytest.mark.parametrize("message", MODES, ids=["message", "forward", "packed", "compressed", "fluent-bit"])
def test_all_modes_of_fluent_become_the_same_record(message: list[object]) -> None:
    (block,) = forwarded(msgspec.msgpack.encode(message)).batch.logs
    assert (block.service, block.attributes) == ("cart", (("service.instance.id", "p"),))
    assert (block.body, block.severity.tolist()) == (("level=warn it is slow",), [13])
    assert block.time.tolist() == [AT + 7]


def test_a_chunk_is_acknowledged_once_it_is_taken_and_known_again() -> None:
    intake = forwarded(
        msgspec.msgpack.encode(["app", [[1_700_000_000, {"message": "m"}]], {"chunk": "p8n9gmxTQVC8/nh2wlKKeQ=="}])
    )
    assert msgspec.msgpack.decode(intake.answer.body) == {"ack": "p8n9gmxTQVC8/nh2wlKKeQ=="}
    assert intake.batch.logs[0].service == "app"
    assert intake.identity.request


def test_an_entry_that_cannot_be_read_costs_only_itself() -> None:
    good = [1_700_000_000, {"message": "m"}]
    intake = forwarded(msgspec.msgpack.encode(["app", [good, [1, 2], "x", good]]) + b"\x01")
    assert len(intake.batch) == 2
    assert [each.item for each in intake.rejected] == ["message 0 entry 1", "message 0 entry 2", "message 1"]


VALUES: list[object] = [None, True, 1, -1, 200, 70_000, 2**40, -200, 1.5, "a" * 40, "b" * 70_000, b"c" * 300]
VALUES += [[1] * 20, [[]], {"a": [1]}, {str(key): key for key in range(20)}, event_time(1, 2), list(range(70_000))]


@pytest.mark.parametrize("value", [*VALUES, msgspec.msgpack.Ext(5, b"abc")])
def test_the_end_of_a_message_is_found_wherever_it_is_cut(value: object) -> None:
    body = msgspec.msgpack.encode(value)
    assert message_end(body + b"\x01", 0) == len(body)
    for cut in np.linspace(0, len(body) - 1, 7).astype(int).tolist():
        assert message_end(body[:cut], 0) == -1
