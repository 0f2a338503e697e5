"""OpenTelemetry traces as SDKs and collectors send them."""

from collections.abc import Callable

import numpy as np
import pytest

from akeso.domain.telemetry.batches import SpanKind
from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard
from akeso.worlds.answers import Answer
from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.otel_traces import OtelTraces, TraceOptions
from akeso.worlds.dialects.tally.tally import Tally


def sent(world: SmallWorld, ticks: int, **options: object) -> list[Delivery]:
    """The requests of some ticks."""
    assignment = Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3))
    teller, found = OtelTraces(assignment, TraceOptions.model_validate(options)), list[Delivery]()
    for _ in range(ticks):
        observation = world.tick()
        teller.observe(observation)
        found += teller.due(observation.end)
    return found


def told(world: SmallWorld, ticks: int, **options: object) -> Heard:
    """What is heard of some ticks."""
    ear = Ear()
    ear.hear(sent(world, ticks, **options))
    return ear.heard


def kinds(heard: Heard, service: str) -> set[int]:
    """The kinds of a service's spans."""
    return {int(kind) for block in heard.spans if block.service == service for kind in block.kind}


def test_all_kinds_of_spans_are_told() -> None:
    heard = told(SmallWorld(), 12, share=1.0)

    assert kinds(heard, "cart") == {SpanKind.SERVER, SpanKind.CLIENT}
    assert kinds(heard, "orders") == {SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.INTERNAL}
    assert kinds(heard, "mailer") == {SpanKind.CONSUMER}


def test_databases_and_third_parties_tell_no_spans() -> None:
    services = {block.service for block in told(SmallWorld(), 12, share=1.0).spans}

    assert services == {"edge", "cart", "orders", "stock", "mailer"}


def test_server_spans_hang_on_the_callers_client_spans() -> None:
    blocks = told(SmallWorld(), 20, share=1.0).spans
    own = {int(span) for block in blocks for span in block.span}
    orphans = [
        block.service for block in blocks for parent in block.parent.tolist() if parent and int(parent) not in own
    ]

    assert len(orphans) < 0.3 * len(own)  # those at the end whose parents are still under way
    servers = [block for block in blocks if block.service == "cart"]
    assert all(p for b in servers for p, k in zip(b.parent.tolist(), b.kind.tolist(), strict=True) if k == 2)


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 0.99, 1.01), (0.2, 0.1, 0.3), (0.01, 0.0, 0.04)])
def test_head_sampling_keeps_whole_requests(share: float, low: float, high: float) -> None:
    heard = told(SmallWorld(rate=25), 12, share=share)
    everything = told(SmallWorld(rate=25), 12, share=1.0)

    ratio = sum(map(len, heard.spans)) / sum(map(len, everything.spans))
    assert low <= ratio <= high


def test_tail_sampling_keeps_errors_and_is_30_s_late() -> None:
    world = SmallWorld(rate=10)
    world.answers["stock"] = Answer.FAILED
    options = {"share": 0.01, "sampling": "tail"}

    assert not sent(world, 30, **options)
    assert sum(map(len, told(world, 50, **options).spans)) > 1_000


def test_spans_come_in_batches_of_five_seconds_for_each_process() -> None:
    found = sent(SmallWorld(rate=3), 31, share=1.0, export={"through": "direct"})
    by_sender: dict[str, list[int]] = {}
    for delivery in found:
        by_sender.setdefault(delivery.sender, []).append(delivery.at)

    assert {int(gap) for times in by_sender.values() for gap in np.diff(times)} == {5 * 10**9}


def test_a_callee_that_refuses_is_seen_by_its_caller_alone() -> None:
    world = SmallWorld()
    world.answers["stock"] = Answer.REFUSED
    blocks = told(world, 12, share=1.0).spans

    assert "stock" not in {block.service for block in blocks}
    assert any(block.error.any() for block in blocks if block.service == "cart")


def test_a_killed_process_takes_its_last_spans_with_it() -> None:
    world = SmallWorld()
    rows = set(world.rows("mailer"))
    assignment = Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3))
    teller, ear = OtelTraces(assignment, TraceOptions(share=1.0)), Ear()
    for _ in range(12):
        world.down = rows
        observation = world.tick()
        teller.observe(observation)
        ear.hear(teller.due(observation.end))

    assert "mailer" not in {block.service for block in ear.heard.spans}


def test_clock_skew_moves_only_the_spans_of_that_process() -> None:
    world = SmallWorld()
    world.skew_s = dict.fromkeys(world.rows("stock"), 120.0)
    blocks = told(world, 12, share=1.0).spans
    latest: Callable[[str], int] = lambda name: max(int(b.start.max()) for b in blocks if b.service == name)  # noqa: E731

    assert latest("stock") - latest("cart") > 100 * 10**9


@pytest.mark.parametrize("options", [{"conventions": "old"}, {"export": {"encoding": "json"}}])
def test_other_conventions_and_encodings_are_accepted(options: dict[str, object]) -> None:
    heard = told(SmallWorld(), 12, share=1.0, **options)

    assert "database.default.svc.cluster.local" in {peer for block in heard.spans for peer in block.peers}


def test_the_same_seed_sends_the_same_bytes() -> None:
    assert sent(SmallWorld(), 12, share=0.5) == sent(SmallWorld(), 12, share=0.5)
