"""Moves: everything that can be the next thing to do about an incident."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from akeso.domain.incident.plan import Step


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`, unless something happens."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Make a (new) diagnosis."""


@dataclass(frozen=True, slots=True)
class MakePlan:
    """Make a plan from the diagnosis."""


@dataclass(frozen=True, slots=True)
class AskVerdict:
    """Ask governance about a step."""

    step: Step


@dataclass(frozen=True, slots=True)
class RequestApproval:
    """Ask people about a step."""

    step: Step


@dataclass(frozen=True, slots=True)
class ExpireApproval:
    """Nobody answered in time."""

    step: Step


@dataclass(frozen=True, slots=True)
class Preview:
    """Say what a step would do."""

    step: Step


@dataclass(frozen=True, slots=True)
class Execute:
    """Do it. key: the idempotency key, a new one for each try."""

    step: Step
    policy: str
    key: str


@dataclass(frozen=True, slots=True)
class Look:
    """An effect or its undoing was interrupted: find out what became of it."""

    step: Step


@dataclass(frozen=True, slots=True)
class BeginVerification:
    """All that can be done of this option was done: choose what to watch and until when."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Look at the symptoms; at the deadline say how it ended."""


@dataclass(frozen=True, slots=True)
class Undo:
    step: Step
    key: str


@dataclass(frozen=True, slots=True)
class TryNext:
    """Give this way of healing up."""

    why: str


@dataclass(frozen=True, slots=True)
class Resolve:
    why: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """People have to go on."""

    why: str


@dataclass(frozen=True, slots=True)
class Learn:
    """The incident is over: remember it."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """All is done."""


Move: TypeAlias = (
    Wait
    | Diagnose
    | MakePlan
    | AskVerdict
    | RequestApproval
    | ExpireApproval
    | Preview
    | Execute
    | Look
    | BeginVerification
    | Verify
    | Undo
    | TryNext
    | Resolve
    | Escalate
    | Learn
    | Nothing
)
