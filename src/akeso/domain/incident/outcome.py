"""How an effect and a healing ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from akeso.domain.incident.diagnosis import finite


@dataclass(frozen=True, slots=True)
class Done:
    """The effect took place. detail: what a person should know."""

    detail: str = ""
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Failed:
    """The effect did not take place."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell whether the effect took place (a time-out, a lost answer)."""

    why: str


EffectOutcome: TypeAlias = Done | Failed | Unknown


class Recovery(StrEnum):
    """Three-way verification. Missing data is UNKNOWN, never success."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verification:
    """What the verify stage found, with the numbers behind it."""

    recovery: Recovery
    statement: str
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", finite(self.numbers))
