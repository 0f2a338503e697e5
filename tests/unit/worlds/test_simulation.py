"""A calm world behaves as such systems do."""

import pickle

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.answers import Answer
from akeso.worlds.delivery import Delivery
from akeso.worlds.observation import OUTSIDE, Observation
from akeso.worlds.simulation.simulation import Simulation
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.world import World


class Recorder:
    """A teller that sends each observation as it is."""

    trace_share = 0.5

    def __init__(self) -> None:
        self._waiting: list[Delivery] = []

    def observe(self, observation: Observation) -> None:
        columns = (observation.calls, observation.requests, observation.instances, observation.queues)
        body = pickle.dumps((columns, observation.happenings))
        self._waiting.append(Delivery(observation.end, "recorder", "/", body=body))

    def due(self, now: int) -> list[Delivery]:
        ready, self._waiting = [one for one in self._waiting if one.at <= now], []
        return ready


def sent(spec: WorldSpec, seed: int, *, fault: str = "") -> list[Delivery]:
    world = World.open(spec, seed, [Recorder()])
    if fault:
        world.plan(Planned(fault, 10))
    return world.advance(spec.start + 40 * NANOSECONDS)


def ticks(spec: WorldSpec, count: int, share: float = 0.0) -> list[Observation]:
    simulation = Simulation(spec.estate, 3, spec.start, share)
    return [simulation.tick() for _ in range(count)]


def test_the_same_seed_gives_the_same_bytes(shop: WorldSpec) -> None:
    assert sent(shop, 4, fault="database_lock") == sent(shop, 4, fault="database_lock")
    assert sent(shop, 4) != sent(shop, 5)


def test_a_fault_changes_nothing_before_it_begins(shop: WorldSpec) -> None:
    assert sent(shop, 4)[:10] == sent(shop, 4, fault="crash")[:10]


def test_deliveries_come_in_order_and_not_after_the_end(shop: WorldSpec) -> None:
    times = [delivery.at for delivery in sent(shop, 4)]
    assert times == sorted(times)
    assert len(times) == 40


def test_a_call_that_was_answered_arrived(shop: WorldSpec) -> None:
    for seen in ticks(shop, 20):
        calls = seen.calls
        arrived = calls.served != Answer.NEVER_ARRIVED
        assert (np.isnan(calls.server_ms) == ~arrived).all()
        assert arrived[calls.seen == Answer.OK].all()
        slower = calls.latency_ms[calls.seen == Answer.OK] >= calls.server_ms[calls.seen == Answer.OK]
        assert slower.all()


def test_what_comes_in_is_passed_on(shop: WorldSpec) -> None:
    seen = ticks(shop, 120)
    census = seen[0].census
    cart = census.estate.row_of["cart"]

    def total(caller: int) -> int:
        wanted = [s for s, site in enumerate(census.sites) if (site.caller == OUTSIDE) == (caller == OUTSIDE)]
        mine = [s for s in wanted if census.sites[s].callee == cart or caller == OUTSIDE]
        home = [s for s in mine if caller != OUTSIDE or census.sites[s].operation == "GET /"]
        rows = np.isin(census.link_site, [s for s in home if census.sites[s].operation in {"GET /", "GET /cart"}])
        return sum(int(one.calls.weight[rows[one.calls.link]].sum()) for one in seen)

    visits, passed_on = total(OUTSIDE), total(0)
    assert abs(passed_on - visits) < 5 * visits**0.5


def test_littles_law_holds_roughly(shop: WorldSpec) -> None:
    seen = ticks(shop, 60)
    census = seen[0].census
    rows = [i for i, one in enumerate(census.instances) if census.services[one.service].name == "orders"]
    mine = np.isin(census.link_callee, rows)
    in_flight = float(np.mean([one.instances.in_flight[rows].sum() for one in seen]))
    spent_s = sum(float(np.nansum(one.calls.server_ms[mine[one.calls.link]])) for one in seen) / 1000
    assert 0.7 < in_flight / (spent_s / len(seen)) < 1.4


def test_children_of_a_request_lie_within_their_parents(shop: WorldSpec) -> None:
    drawn = [one.requests for one in ticks(shop, 10, share=1.0)]
    assert sum(map(len, drawn)) > 500
    for rows in drawn:
        inner = np.flatnonzero((rows.parent >= 0) & (rows.served[rows.parent] != Answer.NEVER_ARRIVED))
        above = rows.parent[inner]
        patient = rows.seen[above] != Answer.TIMED_OUT
        assert (rows.start[inner] >= rows.server_start[above]).all()
        over = rows.start[inner] + rows.duration[inner] - rows.server_start[above] - rows.server_duration[above]
        assert (over[patient] <= 2_000_000).all()
        assert (rows.trace[inner] == rows.trace[above]).all()


def test_requests_have_the_calls_that_are_counted(shop: WorldSpec) -> None:
    seen = ticks(shop, 60, share=1.0)
    drawn, counted = sum(len(one.requests) for one in seen), sum(int(one.calls.weight.sum()) for one in seen)
    assert 0.9 < drawn / counted < 1.1


def test_a_calm_day_hurts_nobody(shop: WorldSpec) -> None:
    world = World.open(shop, 8)
    for _ in range(8):
        world.advance(world.now + 20 * NANOSECONDS)
        assert world.hurting() == ()


def test_a_job_runs_by_its_schedule_and_ends(shop: WorldSpec) -> None:
    row = Simulation(shop.estate, 3, shop.start, 0.0).layout.rows("report").start
    seen = ticks(shop, 390)
    runs = [one.instances.running[row] for one in seen]
    assert not any(runs[:290])
    assert 50 < sum(runs) < 80
    assert not runs[-1]
