"""OpenTelemetry metrics as SDKs export them."""

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Temporality
from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard, rises
from akeso.worlds.answers import Answer
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.otel_metrics import MetricOptions, OtelMetrics
from akeso.worlds.dialects.tally.tally import Tally


def told(world: SmallWorld, ticks: int, every_s: float | None = None, **options: object) -> Heard:
    """What is heard of some ticks."""
    assignment = Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3), every_s)
    teller, ear = OtelMetrics(assignment, MetricOptions.model_validate(options)), Ear()
    for _ in range(ticks):
        observation = world.tick()
        teller.observe(observation)
        ear.hear(teller.due(observation.end))
    return ear.heard


def test_a_process_exports_every_60_s() -> None:
    heard = told(SmallWorld(rate=1), 130)

    assert {len(points) for points in heard.points("process.memory.usage").values()} == {2}


def test_cumulative_histograms_count_every_request() -> None:
    world = SmallWorld(rate=5)
    heard = told(world, 30, every_s=1.0)

    counts: dict[str, float] = {}
    for key, points in heard.points("http.server.request.duration").items():
        counts[key.service] = counts.get(key.service, 0) + (points[-1][1] if key.stat == "count" else 0)
    assert counts == {"edge": 150, "cart": 150, "orders": 150}


def test_buckets_are_those_of_the_conventions_and_only_rise() -> None:
    heard = told(SmallWorld(), 20, every_s=5.0)

    found = heard.points("http.server.request.duration")
    bounds = {dict(key.attributes)["le"] for key in found if key.stat == "bucket"}
    assert {"0.005", "0.075", "7.5", "10.0", "+Inf"} <= bounds
    assert len(bounds) == 15
    assert all(rises([value for _, value in points]) for points in found.values())


def test_old_conventions_tell_milliseconds() -> None:
    found = told(SmallWorld(), 20, every_s=5.0, conventions="old").points("http.server.duration")

    assert {key.unit for key in found} == {"ms"}
    labels = dict(next(iter(found)).attributes)
    assert labels["http.status_code"] == "200"


def test_delta_tells_only_what_is_new() -> None:
    found = told(SmallWorld(rate=5), 30, every_s=5.0, temporality="delta").points("http.client.request.duration")

    counts = [v for key, points in found.items() if key.stat == "count" for _, v in points]
    assert {key.temporality for key in found} == {Temporality.DELTA}
    assert 0 < max(counts) <= 5 * 6 * 2
    assert sum(counts) > 3 * 5 * 20


def test_exponential_histograms_hold_every_request() -> None:
    found = told(SmallWorld(rate=5), 20, every_s=1.0, histograms="exponential").points("http.server.request.duration")

    edge = [(key.stat, points[-1][1]) for key, points in found.items() if key.service == "edge"]
    assert sum(value for stat, value in edge if stat == "count") == 100
    assert sum(value for stat, value in edge if stat == "range") == 100


def test_a_restart_begins_counting_anew() -> None:
    world = SmallWorld(rate=10)
    assignment = Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3), 1.0)
    teller, ear = OtelMetrics(assignment, MetricOptions()), Ear()
    for second in range(40):
        if second == 20:
            world.restart(world.rows("cart")[0])
        observation = world.tick()
        teller.observe(observation)
        ear.hear(teller.due(observation.end))

    cart = [key for key in ear.heard.points("process.cpu.time") if key.service == "cart"]
    assert len({dict(key.attributes)["service.instance.id"] for key in cart}) == 3


def test_errors_are_told_by_their_status() -> None:
    world = SmallWorld()
    world.answers["orders"] = Answer.UNAVAILABLE
    found = told(world, 10, every_s=2.0).points("http.client.request.duration")

    labels = [dict(key.attributes) for key in found if key.service == "cart"]
    assert {each["error.type"] for each in labels if each["server.address"].startswith("orders")} == {"503"}


def test_who_hangs_or_is_not_heard_says_nothing() -> None:
    world = SmallWorld()
    world.unheard = set(world.rows("cart"))
    heard = told(world, 10, every_s=2.0)

    assert "cart" not in {key.service for key in heard.points("process.memory.usage")}


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("through", ["direct", "collector"])
def test_every_way_of_sending_says_the_same(encoding: str, through: str) -> None:
    export = {"encoding": encoding, "through": through, "compression": "gzip"}
    heard = told(SmallWorld(), 10, every_s=3.0, export=export)

    assert {"http.server.request.duration", "db.client.connection.count", "jvm.memory.used"} <= heard.metrics
