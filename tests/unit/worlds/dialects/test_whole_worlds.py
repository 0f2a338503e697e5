"""Generated worlds, told at random: whatever is said is taken in, and the same seed says the same."""

import pytest

from akeso.testing.telling import Ear
from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.drawing import draw_telling
from akeso.worlds.dialects.telling import tellers
from akeso.worlds.estate.generator import generate
from akeso.worlds.spec import Planned, WorldSpec
from akeso.worlds.world import World

START = 1_780_000_000 * 10**9


def deliveries(seed: int, seconds: int, planned: tuple[Planned, ...] = ()) -> list[Delivery]:
    """What a small world of that seed sends."""
    estate = generate(seed, services=8)
    spec = WorldSpec(f"world-{seed}", estate, START, planned, draw_telling(seed, estate))
    world = World.open(spec, seed, tellers(spec, seed))
    return world.advance(START + seconds * 10**9)


@pytest.mark.parametrize("seed", range(10))
def test_everything_that_a_world_says_is_taken_in(seed: int) -> None:
    ear = Ear()
    ear.hear(deliveries(seed, 45))

    assert ear.heard.intakes


def test_a_world_says_the_same_again() -> None:
    assert deliveries(3, 30) == deliveries(3, 30)
