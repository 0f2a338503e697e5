"""What Akeso intends to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from types import MappingProxyType


class Risk(IntEnum):
    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One effect: an action on a target. `id` is unique in the incident and names the step everywhere."""

    id: str
    action: str
    target: str  # a service
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Option:
    """One way to heal: a playbook's steps with what they would bring and cost.

    benefit: expected probability of recovery (confidence in the cause × past success of the playbook); risk of the
    riskiest step; reversible: every step can be undone; verify_within: how long recovery may take.
    """

    playbook: str
    steps: tuple[Step, ...]
    benefit: float
    risk: Risk
    reversible: bool
    verify_within: timedelta
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Options, the best first; the next is tried when one did not help and was undone."""

    options: tuple[Option, ...]

    @property
    def empty(self) -> bool:
        return not self.options
