"""Playbooks: what a team knows about healing (as a file: akeso.config.playbook_file)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TypeAlias

from akeso.domain.incident.plan import Risk
from akeso.domain.telemetry.signal import Signal

ROOT_CAUSE = "root_cause"
CALLER = "caller_of_root_cause"
ANY_CLASS = "any"


@dataclass(frozen=True, slots=True)
class When:
    """fault_classes: class (or “any”) → expected share of recoveries; signals: any of them (none given: all)."""

    fault_classes: Mapping[str, float]
    signals: frozenset[Signal] = frozenset()
    minimum_confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class WhenNot:
    """Any one of these rules the playbook out. tiers and environments are those of the root cause."""

    fault_classes: frozenset[str] = frozenset()
    signals: frozenset[Signal] = frozenset()
    tiers: frozenset[int] = frozenset()
    environments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RecentChange:
    """The root cause was changed in one of these ways not longer ago than `within`."""

    kinds: frozenset[str]
    within: timedelta


@dataclass(frozen=True, slots=True)
class RootIsExternal:
    """The root cause is (or is not) a service that somebody else runs."""

    external: bool


Precondition: TypeAlias = RecentChange | RootIsExternal


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """binding: the binding that the target must have; "" when the action needs none."""

    action: str
    target: str = ROOT_CAUSE
    binding: str = ""
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Playbook:
    """One way to heal some classes of faults."""

    name: str
    when: When
    steps: tuple[PlaybookStep, ...]
    summary: str = ""
    when_not: WhenNot = field(default_factory=WhenNot)
    preconditions: tuple[Precondition, ...] = ()
    undoes: bool = False
    verify_within: timedelta = timedelta(seconds=30)
    risk: Risk = Risk.LOW
    cost: float = 0.0
