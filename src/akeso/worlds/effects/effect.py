"""What an action is in a world."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from akeso.domain.incident.outcome import EffectOutcome
from akeso.worlds.stage import Stage

Parameters = Mapping[str, str]
Act = Callable[[Stage, str, Parameters], EffectOutcome]
Look = Callable[[Stage, str], Mapping[str, str]]


def nothing_seen(stage: Stage, target: str) -> Mapping[str, str]:
    """For actions that have nothing to look at."""
    del stage, target
    return {}


@dataclass(frozen=True, slots=True)
class Effect:
    """An action by its name in Akeso. act: does it; back: takes it back (None: cannot be); look: what it would find."""

    name: str
    act: Act
    back: Act | None = None
    look: Look = nothing_seen
