"""Bridging knowledge: how symptoms of machines become symptoms of software."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.signal import Signal


class Layer(StrEnum):
    """Where a symptom lives."""

    PHYSICAL = "physical"  # cooling, power, drives, memory modules, cables
    HOST = "host"  # the operating system, the hypervisor, the network stack
    SOFTWARE = "software"


class Moves(StrEnum):
    """How a metric departs."""

    UP = "up"
    DOWN = "down"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class MetricCue:
    """A metric that shows a symptom. name: found in the metric's name, case aside.

    by: the least change, in the metric's unit; None: by what is unusual for the series. above, below: an absolute limit
    that the newest value has passed and the past had not.
    """

    name: re.Pattern[str]
    moves: Moves = Moves.UP
    by: float | None = None
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True)
class Symptom:
    """says: in words; fault_class: what the fault is called when this is the first of its chain ("": not by this)."""

    name: str
    says: str
    layer: Layer
    metrics: tuple[MetricCue, ...] = ()
    logs: tuple[re.Pattern[str], ...] = ()
    signals: frozenset[Signal] = frozenset()
    fault_class: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """`cause` brings about `effect`. source: the paper or document that says so."""

    cause: str
    effect: str
    because: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """A graph without cycles over symptoms. Raises InvalidInput for a link to an unknown symptom, or a cycle."""

    symptoms: Mapping[str, Symptom]
    links: tuple[Link, ...]
    _effects: Mapping[str, tuple[Link, ...]] = field(init=False, repr=False, compare=False)
    _causes: Mapping[str, tuple[Link, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        effects: dict[str, tuple[Link, ...]] = {}
        causes: dict[str, tuple[Link, ...]] = {}
        for number, link in enumerate(self.links):
            for end, name in (("cause", link.cause), ("effect", link.effect)):
                if name not in self.symptoms:
                    raise InvalidInput(f"links.{number}.{end}", f"there is no symptom {name}")
            effects[link.cause] = (*effects.get(link.cause, ()), link)
            causes[link.effect] = (*causes.get(link.effect, ()), link)
        object.__setattr__(self, "_effects", MappingProxyType(effects))
        object.__setattr__(self, "_causes", MappingProxyType(causes))
        if circle := _circle(effects):
            raise InvalidInput("links", f"go round in a circle: {' → '.join(circle)}")

    def effects(self, symptom: str) -> tuple[Link, ...]:
        """What a symptom brings about."""
        return self._effects.get(symptom, ())

    def causes(self, symptom: str) -> tuple[Link, ...]:
        """What brings a symptom about."""
        return self._causes.get(symptom, ())


def _circle(effects: Mapping[str, tuple[Link, ...]]) -> list[str]:
    """The names along one cycle, its first one again at the end; empty when there is none."""
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for link in effects.get(name, ()):
            if found := visit(link.effect):
                return found
        path.pop()
        done.add(name)
        return []

    return next((found for name in effects if (found := visit(name))), [])
