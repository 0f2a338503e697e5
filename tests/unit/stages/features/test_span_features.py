"""Spans become RED features, edges and the topology."""

import math

import pytest

from akeso.domain.telemetry import signal
from akeso.domain.telemetry.batches import SeriesKey, SpanKind
from akeso.stages.features.slots import FeatureOptions
from akeso.testing.feature_bench import FeatureBench
from akeso.testing.window import Span, Tracer

HEARTBEAT = SeriesKey("acme", "bystander", "process.cpu.utilization", unit="1")


@pytest.fixture
def tracer() -> Tracer:
    return Tracer()


def request(tracer: Tracer, at: float, *, reaches: bool = True) -> list[Span]:
    """cart serves a request in 100 ms, 60 of them in a call to `stock.internal`, which is the service stock."""
    cart = tracer.server("cart", at, at + 0.1)
    call = tracer.client(cart, "stock.internal", at + 0.02, at + 0.08, error=not reaches)
    stock = tracer.server("stock", at + 0.03, at + 0.07, call.id)
    return [cart, call, stock] if reaches else [cart, call]


def edge(bench: FeatureBench, end: float, callee: str, metric: str = signal.EDGE_RATE, caller: str = "cart") -> float:
    value: float = bench.value(end, caller, metric, peer=callee)
    return value


def test_a_service_has_rate_errors_mean_and_own_time(bench: FeatureBench, tracer: Tracer) -> None:
    bench.send(1.0, spans=[span for k in range(4) for span in request(tracer, k / 5)])
    bench.close(1)
    assert bench.value(1, "cart", signal.RED_RATE) == 4.0
    assert bench.value(1, "cart", signal.RED_ERRORS) == 0.0
    assert bench.value(1, "cart", signal.RED_MEAN) == pytest.approx(100.0)
    assert bench.value(1, "cart", signal.RED_SELF) == pytest.approx(40.0)
    assert bench.value(1, "stock", signal.RED_SELF) == pytest.approx(40.0)


def test_calls_in_parallel_are_subtracted_once_and_internal_spans_are_own_time(
    bench: FeatureBench, tracer: Tracer
) -> None:
    cart = tracer.server("cart", 0.0, 0.1)
    work = Span("cart", SpanKind.INTERNAL, 0.0, 0.1, id=900, parent=cart.id)
    under = Span("cart", SpanKind.CLIENT, 0.02, 0.06, id=901, parent=900, peer="a")
    driver = Span("cart", SpanKind.CLIENT, 0.03, 0.05, id=902, parent=901, peer="a")
    beside = tracer.client(cart, "b", 0.04, 0.08)
    beyond = tracer.client(cart, "c", 0.09, 0.5)
    bench.send(1.0, spans=[cart, work, under, driver, beside, beyond])
    bench.close(1)
    assert bench.value(1, "cart", signal.RED_SELF) == pytest.approx(30.0)


def test_p95_needs_five_calls(bench: FeatureBench, tracer: Tracer) -> None:
    bench.send(1.0, spans=[tracer.server("cart", 0.1, 0.2) for _ in range(4)])
    bench.send(2.0, spans=[tracer.server("shop", 1.1, 1.1 + (k + 1) / 100) for k in range(20)])
    bench.close(2)
    assert math.isnan(bench.value(1, "cart", signal.RED_P95))
    assert bench.value(2, "shop", signal.RED_P95) == pytest.approx(190.0)


def test_spans_of_a_call_that_arrive_in_two_batches_are_joined(bench: FeatureBench, tracer: Tracer) -> None:
    cart, call, stock = request(tracer, 0.3)
    bench.send(0.5, spans=[stock])
    bench.send(1.4, spans=[cart, call])
    bench.close(1)
    assert edge(bench, 1, "stock") == 1.0
    assert math.isnan(edge(bench, 1, "stock.internal"))
    assert edge(bench, 1, "stock", signal.EDGE_MEAN) == pytest.approx(60.0)


def test_a_call_to_a_dead_callee_counts_on_its_edge(bench: FeatureBench, tracer: Tracer) -> None:
    for second in range(3):
        bench.send(second + 1.0, spans=request(tracer, second + 0.3))
    for second in range(3, 9):
        bench.send(second + 1.0, spans=request(tracer, second + 0.3, reaches=False))
    bench.close(9)
    assert edge(bench, 9, "stock") == 1.0
    assert edge(bench, 9, "stock", signal.EDGE_ERROR_RATIO) == 1.0
    assert edge(bench, 9, "stock.internal") != 1.0
    assert bench.value(9, "stock", signal.RED_RATE) == 0.0
    assert math.isnan(bench.value(9, "stock", signal.RED_MEAN))


def test_errors_show_in_the_slot_they_happen_in(bench: FeatureBench, tracer: Tracer) -> None:
    for second in range(3):
        failed = second == 2
        bench.send(second + 1.0, spans=[tracer.server("cart", second, second + 0.1, error=failed) for _ in range(10)])
    bench.close(3)
    ratios = [bench.value(end, "cart", signal.RED_ERRORS) for end in (1, 2, 3)]
    assert ratios == [0.0, 0.0, 1.0]


def test_errors_of_rare_calls_are_a_third_in_the_first_slot_and_two_thirds_in_the_second(
    bench: FeatureBench, tracer: Tracer
) -> None:
    for second in range(8):
        failed = second >= 5
        bench.send(second + 1.0, spans=[tracer.server("cart", second, second + 0.1, error=failed) for _ in range(3)])
    bench.close(8)
    ratios = [bench.value(end, "cart", signal.RED_ERRORS) for end in (5, 6, 7, 8)]
    assert ratios == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_rare_calls_are_told_over_three_slots(bench: FeatureBench, tracer: Tracer) -> None:
    for second, took in enumerate((0.1, 0.2, 0.3, 0.4)):
        bench.send(second + 1.0, spans=[tracer.server("cart", second, second + took)])
    bench.close(4)
    means = [bench.value(end, "cart", signal.RED_MEAN) for end in (1, 2, 3, 4)]
    assert means == pytest.approx([100.0, 150.0, 200.0, 300.0])


def test_no_calls_while_others_are_heard_is_a_rate_of_zero(bench: FeatureBench, tracer: Tracer) -> None:
    bench.send(1.0, spans=request(tracer, 0.3))
    bench.send(2.5, (HEARTBEAT, 2.4, 0.1))
    bench.close(2)
    assert bench.value(2, "cart", signal.RED_RATE) == edge(bench, 2, "stock") == 0.0
    assert math.isnan(bench.value(2, "cart", signal.RED_MEAN))


def test_when_nothing_at_all_arrives_the_rate_is_unknown(bench: FeatureBench, tracer: Tracer) -> None:
    bench.send(1.0, spans=request(tracer, 0.3))
    bench.close(4)
    assert math.isnan(bench.value(4, "cart", signal.RED_RATE))


def test_operations_are_told_apart_up_to_a_limit(bench: FeatureBench, tracer: Tracer) -> None:
    bench.begin(FeatureOptions(operations=2))
    spans = [tracer.server("cart", 0.1, 0.2, operation=f"GET /{number}") for number in range(5)]
    bench.send(1.0, spans=spans)
    bench.close(1)
    rates = {
        operation: bench.value(1, "cart", signal.RED_RATE, operation=operation)
        for operation in ("GET /0", "GET /1", "other")
    }
    assert rates == {"GET /0": 1.0, "GET /1": 1.0, "other": 3.0}
    assert not bench.has("cart", signal.RED_RATE, operation="GET /4")


def test_a_span_that_is_sent_twice_counts_once(bench: FeatureBench, tracer: Tracer) -> None:
    spans = request(tracer, 0.3)
    for received in (1.0, 1.2, 3.5):
        bench.send(received, spans=spans)
    bench.close(4)
    assert bench.value(1, "cart", signal.RED_RATE) == 1.0
    assert bench.value(3, "cart", signal.RED_RATE) == 0.0


def test_spans_of_a_slow_exporter_are_seen_late_instead_of_never(bench: FeatureBench, tracer: Tracer) -> None:
    bench.send(9.0, (HEARTBEAT, 8.9, 0.1))
    bench.send(10.0, spans=[span for k in range(5) for span in request(tracer, 5 + k)])
    bench.close(10)
    assert bench.value(10, "cart", signal.RED_RATE) == 5.0
    assert bench.value(10, "cart", signal.RED_MEAN) == pytest.approx(100.0)
    assert bench.builder.tally.late > 0


def topology(bench: FeatureBench) -> dict[tuple[str, str], bool]:
    graph = bench.closed[-1].topologies["acme"]
    return {(found.caller, found.callee): found.asynchronous for found in graph.edges}


def test_the_topology_knows_services_and_peers_that_are_none(bench: FeatureBench, tracer: Tracer) -> None:
    cart, call, stock = request(tracer, 0.3)
    query = tracer.client(stock, "postgresql", 0.31, 0.32)
    bench.send(1.0, spans=[cart, call, stock, query])
    bench.close(1)
    assert topology(bench) == {("cart", "stock"): False, ("stock", "postgresql"): False}
    assert bench.closed[-1].topologies["acme"].services == {"cart", "stock"}
    assert edge(bench, 1, "postgresql", caller="stock") == 1.0


def test_messages_make_asynchronous_edges_past_their_broker(bench: FeatureBench, tracer: Tracer) -> None:
    for second in range(4):
        server = tracer.server("orders", second + 0.1, second + 0.2)
        produced = Span(
            "orders", SpanKind.PRODUCER, second + 0.12, second + 0.13, 700 + second, server.id, peer="queue"
        )
        sent = tracer.client(server, "queue", second + 0.121, second + 0.129)
        consumed = Span(
            "worker", SpanKind.CONSUMER, second + 0.5, second + 0.6, 800 + second, 700 + second, peer="queue"
        )
        bench.send(second + 0.9, spans=[server, produced, sent, consumed])
    bench.close(4)
    assert topology(bench) == {("orders", "worker"): True, ("orders", "queue"): False, ("queue", "worker"): True}
    assert bench.value(4, "worker", signal.RED_MEAN) == pytest.approx(100.0)


def test_a_queue_whose_consumer_is_known_later_is_not_taken_for_traffic_that_stopped(
    bench: FeatureBench, tracer: Tracer
) -> None:
    produced = [Span("orders", SpanKind.PRODUCER, k + 0.1, k + 0.2, 700 + k, peer="queue") for k in range(6)]
    for second in range(6):
        bench.send(second + 0.9, spans=[produced[second]])
        if second == 3:
            bench.send(second + 0.95, spans=[Span("worker", SpanKind.CONSUMER, 3.3, 3.4, 800, produced[0].id)])
    bench.close(6)
    assert edge(bench, 2, "queue", caller="orders") == 1.0
    assert edge(bench, 6, "worker", caller="orders") == 1.0
    assert math.isnan(edge(bench, 6, "queue", caller="orders"))
    assert ("orders", "queue") not in topology(bench)


def test_a_consumer_that_links_to_its_producer_is_where_the_message_went(bench: FeatureBench, tracer: Tracer) -> None:
    for second in range(4):
        server = tracer.server("orders", second + 0.1, second + 0.2)
        produced = Span(
            "orders", SpanKind.PRODUCER, second + 0.12, second + 0.13, 700 + second, server.id, peer="queue"
        )
        consumed = Span("worker", SpanKind.CONSUMER, second + 0.5, second + 0.6, 800 + second, link=700 + second)
        bench.send(second + 0.9, spans=[server, produced, consumed])
    bench.close(4)
    assert topology(bench) == {("orders", "worker"): True}
    assert edge(bench, 4, "worker", caller="orders") == 1.0


def test_a_link_tells_of_messages_that_were_sent_before(bench: FeatureBench, tracer: Tracer) -> None:
    del tracer
    produced = [Span("orders", SpanKind.PRODUCER, k + 0.1, k + 0.2, 700 + k, peer="queue") for k in range(4)]
    for second in range(4):
        bench.send(second + 0.9, spans=[produced[second]])
    bench.send(3.95, spans=[Span("worker", SpanKind.CONSUMER, 3.3, 3.4, 800, link=produced[0].id)])
    bench.close(4)
    assert edge(bench, 4, "worker", caller="orders") == 1.0


@pytest.mark.parametrize("kind", [SpanKind.INTERNAL, SpanKind.UNSPECIFIED])
def test_a_root_that_states_no_role_is_work_of_its_service(bench: FeatureBench, kind: int) -> None:
    root = Span("batch", kind, 0.0, 0.9, 1, error=True)
    inner = Span("batch", kind, 0.1, 0.2, 3, parent=1)
    bench.send(1.0, spans=[root, Span("batch", SpanKind.CLIENT, 0.1, 0.3, 2, 1, peer="stock"), inner])
    bench.close(1)
    assert edge(bench, 1, "stock", signal.EDGE_MEAN, caller="batch") == pytest.approx(200.0)
    assert bench.value(1, "batch", signal.RED_RATE) == 1.0
    assert bench.value(1, "batch", signal.RED_ERRORS) == 1.0
    assert bench.value(1, "batch", signal.RED_SELF) == pytest.approx(700.0)
