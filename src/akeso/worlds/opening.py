"""A world with all who tell it."""

from akeso.worlds.dialects.telling import tellers
from akeso.worlds.spec import WorldSpec
from akeso.worlds.world import World


def open_world(spec: WorldSpec, seed: int) -> World:
    """The world, told as its YAML says. Raises InvalidInput naming the place in `telling`."""
    return World.open(spec, seed, tellers(spec, seed))
