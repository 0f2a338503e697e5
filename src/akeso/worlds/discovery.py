"""Finds what lies in the rooms of a world: one file a family, found by being there."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import akeso.worlds.effects
import akeso.worlds.faults
import akeso.worlds.life
from akeso.worlds.effects.effect import Effect
from akeso.worlds.stage import Occurrence


@cache
def occurrences() -> dict[str, Occurrence]:
    """Name → fault or event of ordinary life. A module in `faults` or `life` names its kinds in KINDS."""
    rooms = (akeso.worlds.faults, akeso.worlds.life)
    found = [kind for room in rooms for module in _modules(room) for kind in getattr(module, "KINDS", ())]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)}


@cache
def effects() -> dict[str, Effect]:
    """Name of an action → what it does in a world. A module in `effects` names them in EFFECTS."""
    found = [effect for module in _modules(akeso.worlds.effects) for effect in getattr(module, "EFFECTS", ())]
    return {effect.name: effect for effect in found}


def _modules(package: ModuleType) -> list[ModuleType]:
    names = sorted(module.name for module in iter_modules(package.__path__))
    return [import_module(f"{package.__name__}.{name}") for name in names]
