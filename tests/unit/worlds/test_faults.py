"""Every fault hurts by the users' view and ends when it is undone; ordinary life hurts nobody."""

from collections.abc import Iterator

import pytest

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.discovery import occurrences
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.stage import Occurrence
from akeso.worlds.world import World

FAULTS = [kind for kind in occurrences().values() if not kind.ordinary]
LIFE = [kind for kind in occurrences().values() if kind.ordinary]
TARGETS = {"retry_storm": "prices", "slow_release": "cart", "replica_lag": "db"}


def begun(shop: WorldSpec, kind: Occurrence) -> World:
    world = World.open(shop, 11)
    world.plan(Planned(kind.name, 40, TARGETS.get(kind.name, "")))
    world.advance(world.now + 41 * NANOSECONDS)
    return world


def feelings(world: World, seconds: int) -> Iterator[set[str]]:
    """Who is hurt, every few seconds."""
    for _ in range(0, seconds, 5):
        world.advance(world.now + 5 * NANOSECONDS)
        yield {hurt.service for hurt in world.hurting()}


def test_there_are_at_least_thirty_kinds_of_fault() -> None:
    assert len(FAULTS) >= 30


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_a_fault_hurts_whom_it_says_and_ends_when_it_is_undone(shop: WorldSpec, kind: Occurrence) -> None:
    world = begun(shop, kind)
    truth = world.truth[0]
    assert any(felt & truth.hurts for felt in feelings(world, int(kind.hurts_within_s) + 5))
    world.end(truth.id)
    assert any(not felt for felt in feelings(world, 240))


@pytest.mark.parametrize("kind", LIFE, ids=lambda kind: kind.name)
def test_ordinary_life_hurts_nobody(shop: WorldSpec, kind: Occurrence) -> None:
    world = begun(shop, kind)
    assert all(not felt for felt in feelings(world, 90))
    assert world.truth[0].ordinary


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_a_fault_names_what_is_broken_and_of_which_class(shop: WorldSpec, kind: Occurrence) -> None:
    truth = begun(shop, kind).truth[0]
    assert truth.fault_class
    assert truth.hurts
    assert truth.entity


def test_an_unknown_kind_or_target_is_refused(shop: WorldSpec) -> None:
    world = World.open(shop, 1)
    with pytest.raises(InvalidInput, match="kind"):
        world.plan(Planned("earthquake", 1))
    with pytest.raises(InvalidInput, match="target: disk_full cannot happen to web"):
        world.plan(Planned("disk_full", 1, "web"))


def test_a_retry_storm_outlives_its_trigger(shop: WorldSpec) -> None:
    world = begun(shop, occurrences()["retry_storm"])
    late = list(feelings(world, 240))[-10:]
    assert all("prices" in felt for felt in late)
    assert world.truth[0].ended is None


def test_without_its_trigger_the_same_weakness_hurts_nobody(shop: WorldSpec) -> None:
    world = World.open(shop, 11)
    world.plan(Planned("retry_storm", 40, "prices", strength=0.1))
    world.advance(world.now + 41 * NANOSECONDS)
    assert not any(list(feelings(world, 120))[-6:])
