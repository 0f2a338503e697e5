"""Actions have consequences in a world: the right one helps, a wrong one does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from akeso.domain.errors import NotFound
from akeso.domain.incident.outcome import Done, Failed
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.truth import Remedy
from akeso.worlds.world import World


@dataclass(frozen=True)
class Case:
    """A fault on a service, the action that helps (on whom, with what), and one that does not."""

    fault: str
    target: str
    action: str
    on: str
    wrong: str
    given: Mapping[str, str] = field(default_factory=dict)


CASES = [
    Case("slow_release", "cart", "rollback_release", "cart", "restart"),
    Case("crash_loop", "prices", "rollback_release", "prices", "restart"),
    Case("wrong_host", "cart", "revert_configuration", "cart", "restart"),
    Case("hang", "prices", "restart", "prices", "rollback_release"),
    Case("pool_exhausted", "prices", "restart", "prices", "rollback_release"),
    Case("database_lock", "db", "end_database_session", "db", "scale_out"),
    Case("database_down", "db", "restart", "db", "end_database_session"),
    Case("third_party_slow", "pay", "switch_fallback", "orders", "restart"),
    Case("stalled_consumer", "packer", "restart", "packer", "rollback_release"),
    Case("bad_flag", "orders", "feature_flag_off", "orders", "restart", {"flag": "new-ranking"}),
    Case("traffic_surge", "web", "scale_out", "", "rollback_release", {"instances": "2"}),
    Case("retry_storm", "prices", "scale_out", "prices", "rollback_release", {"instances": "2"}),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)


def hurt(shop: WorldSpec, fault: str, target: str) -> World:
    world = World.open(shop, 21)
    world.plan(Planned(fault, 30, target))
    world.advance(world.now + 31 * NANOSECONDS)
    for _ in range(60):
        world.advance(world.now + 5 * NANOSECONDS)
        if {h.service for h in world.hurting()} & world.truth[0].hurts:
            break
    world.advance(world.now + 20 * NANOSECONDS)
    return world


def recovers(world: World, services: frozenset[str], seconds: int = 200) -> bool:
    for _ in range(0, seconds, 10):
        world.advance(world.now + 10 * NANOSECONDS)
        if not {h.service for h in world.hurting()} & services:
            return True
    return False


@each_case
def test_what_helps_helps(shop: WorldSpec, case: Case) -> None:
    world = hurt(shop, case.fault, case.target)
    truth = world.truth[0]
    on = case.on or truth.service
    assert Remedy(case.action, on) in truth.helps
    assert isinstance(world.act(case.action, on, case.given), Done)
    felt = frozenset({on}) if case.action == "switch_fallback" else truth.hurts
    assert recovers(world, felt)


@each_case
def test_what_does_not_help_does_not(shop: WorldSpec, case: Case) -> None:
    world = hurt(shop, case.fault, case.target)
    world.act(case.wrong, case.target)
    assert not recovers(world, world.truth[0].hurts, 120)


def test_scaling_is_taken_back(shop: WorldSpec) -> None:
    world = World.open(shop, 1)
    before = world.look("scale_out", "cart")["wanted"]
    assert isinstance(world.act("scale_out", "cart"), Done)
    assert world.look("scale_out", "cart")["wanted"] != before
    assert isinstance(world.act("scale_out", "cart", undo=True), Done)
    assert world.look("scale_out", "cart")["wanted"] == before


def test_a_restart_leaves_other_processes(shop: WorldSpec) -> None:
    world = World.open(shop, 1)
    before = world.look("restart", "orders")
    world.act("restart", "orders")
    world.advance(world.now + 40 * NANOSECONDS)
    after = world.look("restart", "orders")
    assert set(before.values()) != set(after.values())
    assert all(state.startswith("up") for state in after.values())


def test_what_waits_is_set_aside_and_comes_back(shop: WorldSpec) -> None:
    world = hurt(shop, "stalled_consumer", "packer")
    waiting = float(world.look("drain_queue", "packer")["waiting"])
    assert waiting > 50
    world.act("drain_queue", "packer")
    assert float(world.look("drain_queue", "packer")["waiting"]) == 0
    world.act("drain_queue", "packer", undo=True)
    assert float(world.look("drain_queue", "packer")["waiting"]) == pytest.approx(waiting)


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("restart", "pay"),
        ("restart", "nobody"),
        ("rollback_release", "cart"),
        ("end_database_session", "db"),
        ("purge_queue", "packer"),
        ("switch_fallback", "cart"),
        ("dance", "cart"),
    ],
)
def test_what_cannot_be_done_fails_and_says_why(shop: WorldSpec, action: str, target: str) -> None:
    outcome = World.open(shop, 1).act(action, target)
    assert isinstance(outcome, Failed)
    assert outcome.why


def test_looking_at_nobody_is_refused(shop: WorldSpec) -> None:
    with pytest.raises(NotFound):
        World.open(shop, 1).look("restart", "nobody")


def test_a_renamed_service_answers_to_its_new_name(shop: WorldSpec) -> None:
    world = World.open(shop, 1)
    world.plan(Planned("renamed", 5, "cart", parameters={"to": "basket"}))
    world.advance(world.now + 10 * NANOSECONDS)
    assert isinstance(world.act("scale_out", "basket"), Done)
    assert world.hurt("basket").calls > 0
