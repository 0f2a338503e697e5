"""The way between a call and its answer, and whose network is slow."""

from dataclasses import replace

from akeso.domain.telemetry.batches import SpanKind
from akeso.domain.telemetry.traces import Traces
from akeso.plugins.evidence.network import Network
from akeso.stages.diagnosis.calls.network_latency import gaps
from akeso.stages.diagnosis.calls.per_operation_latency import borne_out
from akeso.testing.recorded.cases import Scene
from akeso.testing.recorded.traces import TraceWriter, second

ONSET = second(100)
CALLS = (("door", "cart"), ("door", "search"), ("cart", "store"), ("search", "store"))


def traffic(late: dict[tuple[str, str], float], served: float = 5.0) -> Traces:
    """Calls on every way, twenty before the onset and ten after it, then `late` ms longer on the way."""
    writer = TraceWriter()
    for i in range(30):
        at, now = 1000.0 * (60 + i if i < 20 else 101 + i), i >= 20
        for caller, callee in CALLS:
            trace, wait = writer.trace(), 1.0 + i % 3 + (late.get((caller, callee), 0.0) if now else 0.0)
            call = writer.span(trace, (caller, "GET"), (at, at + served + wait), kind=SpanKind.CLIENT)
            writer.span(trace, (callee, "/"), (at + wait / 2, at + wait / 2 + served), call, SpanKind.SERVER)
    return writer.traces()


def test_only_the_way_counts_and_not_how_long_the_callee_takes() -> None:
    assert not any(gap.wide for gap in gaps(traffic({}, served=500.0), ONSET))
    wide = [gap for gap in gaps(traffic({("door", "cart"): 80.0}), ONSET) if gap.wide]
    assert [(gap.caller, gap.callee, round(gap.risen_ms)) for gap in wide] == [("door", "cart", 80)]


def test_a_way_that_was_not_gone_before_is_compared_with_the_others() -> None:
    traces = traffic({("door", "cart"): 80.0})
    cart = [i for i, place in enumerate(traces.places) if place.service == "cart" and place.name == "/"]
    known = (traces.spans["place"] != cart[0]) | (traces.spans["start"] > ONSET)
    found = gaps(replace(traces, spans=traces.spans[known]), ONSET)
    assert [gap.callee for gap in found if gap.wide] == ["cart"]


def test_the_service_that_all_slow_ways_share_has_the_slow_network() -> None:
    late = {("door", "cart"): 80.0, ("cart", "store"): 80.0}
    case = replace(Scene().case(), onset=ONSET, traces=traffic(late))
    found = {e.service: e.weight for e in Network().gather(case)}
    assert found["cart"] > 3.0
    assert found["door"] < 0
    assert found["store"] < 0


def test_requests_of_a_slow_kind_do_not_bear_out_that_a_service_is_slower() -> None:
    writer = TraceWriter()
    for i in range(60):
        slow = i % 4 == 0 if i < 30 else i % 4 != 0
        at = 1000.0 * (60 + i if i < 30 else 101 + i)
        writer.span(
            writer.trace(),
            ("cart", "slow" if slow else "quick"),
            (at, at + (200 if slow else 10)),
            kind=SpanKind.SERVER,
        )
    mixed = replace(Scene().case(), onset=ONSET, traces=writer.traces())
    assert borne_out(mixed, "cart", 95.0) < 0.5
    slower = replace(Scene().case(), onset=ONSET, traces=traffic({}, served=5.0))
    assert borne_out(slower, "nobody knows", 95.0) == 1.0


def test_requests_that_all_take_longer_bear_it_out() -> None:
    writer = TraceWriter()
    for i in range(40):
        at, took = 1000.0 * (60 + i if i < 20 else 101 + i), 10.0 if i < 20 else 100.0
        writer.span(writer.trace(), ("cart", "quick"), (at, at + took), kind=SpanKind.SERVER)
    assert borne_out(replace(Scene().case(), onset=ONSET, traces=writer.traces()), "cart", 90.0) == 1.0
    assert borne_out(Scene().case(), "cart", 90.0) == 1.0
