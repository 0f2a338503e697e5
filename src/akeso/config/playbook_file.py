"""Playbooks as YAML that a team can review.

    playbooks:
      - name: roll-back-release
        summary: Go back to the release that ran before.
        when:
          fault_classes: {bad_release: 0.9, crash_loop: 0.9}   # class → how often it helps, before history tells
          signals: [errors]                                    # optional: the incident shows one of these
          minimum_confidence: 0.5
        when_not: {tiers: [0], environments: [development], signals: [locks]}
        preconditions:
          - recent_change: {kinds: [deploy], within_seconds: 900}
        steps:
          - {action: rollback_release, target: root_cause, binding: release, parameters: {}}
        undo: automatic                                        # or none
        verification: {within_seconds: 30}
        risk: medium                                           # none, low, medium, high
        cost: 0.05                                             # in units of benefit (a probability of recovery)

`target` is root_cause, caller_of_root_cause or the name of a service.
"""

from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from akeso.config.checked_file import STRICT, checked_yaml, read_text
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.plan import Risk
from akeso.domain.telemetry.signal import Signal
from akeso.stages.healing.playbooks import (
    ROOT_CAUSE,
    Playbook,
    PlaybookStep,
    Precondition,
    RecentChange,
    RootIsExternal,
    When,
    WhenNot,
)


def _signal(name: object) -> object:
    return _named(name, {signal.name.lower(): signal for signal in Signal})


def _risk(name: object) -> object:
    return _named(name, {risk.name.lower(): risk for risk in Risk})


def _named(name: object, known: dict[str, Signal] | dict[str, Risk]) -> object:
    if name not in known:
        raise ValueError(f"is none of {', '.join(known)}")
    return known[str(name)]


# A number may stand for a text: parameters of actions are texts.
_STRICT = ConfigDict(**STRICT, coerce_numbers_to_str=True)
_Text = Annotated[str, Field(min_length=1)]
_Number = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
_Share = Annotated[_Number, Field(le=1)]
_Signal = Annotated[Signal, BeforeValidator(_signal)]


class _When(BaseModel):
    model_config = _STRICT
    fault_classes: Annotated[dict[_Text, _Share], Field(min_length=1)]
    signals: list[_Signal] = []
    minimum_confidence: _Share = 0.0

    def made(self) -> When:
        return When(MappingProxyType(self.fault_classes), frozenset(self.signals), self.minimum_confidence)


class _WhenNot(BaseModel):
    model_config = _STRICT
    fault_classes: list[_Text] = []
    signals: list[_Signal] = []
    tiers: list[Annotated[int, Field(ge=0)]] = []
    environments: list[_Text] = []

    def made(self) -> WhenNot:
        return WhenNot(
            frozenset(self.fault_classes), frozenset(self.signals), frozenset(self.tiers), frozenset(self.environments)
        )


class _RecentChange(BaseModel):
    model_config = _STRICT
    kinds: Annotated[list[_Text], Field(min_length=1)]
    within_seconds: _Number = 900.0


class _Precondition(BaseModel):
    model_config = _STRICT
    recent_change: _RecentChange | None = None
    external: Annotated[bool, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.recent_change is None) == (self.external is None):
            raise ValueError("must have exactly one of recent_change, external")
        return self

    def made(self) -> Precondition:
        if self.recent_change is None:
            return RootIsExternal(bool(self.external))
        change = self.recent_change
        return RecentChange(frozenset(change.kinds), timedelta(seconds=change.within_seconds))


class _Step(BaseModel):
    model_config = _STRICT
    action: _Text
    target: _Text = ROOT_CAUSE
    binding: str = ""
    parameters: dict[str, _Text] = {}

    def made(self) -> PlaybookStep:
        return PlaybookStep(self.action, self.target, self.binding, MappingProxyType(self.parameters))


class _Verification(BaseModel):
    model_config = _STRICT
    within_seconds: Annotated[_Number, Field(ge=1)] = 30.0


class _Playbook(BaseModel):
    model_config = _STRICT
    name: _Text
    summary: str = ""
    when: _When
    when_not: _WhenNot = _WhenNot()
    preconditions: list[_Precondition] = []
    steps: Annotated[list[_Step], Field(min_length=1)]
    undo: Literal["none", "automatic"] = "none"
    verification: _Verification = _Verification()
    risk: Annotated[Risk, BeforeValidator(_risk)] = Risk.LOW
    cost: _Number = 0.0

    def made(self) -> Playbook:
        return Playbook(
            name=self.name,
            summary=self.summary,
            when=self.when.made(),
            when_not=self.when_not.made(),
            preconditions=tuple(each.made() for each in self.preconditions),
            steps=tuple(step.made() for step in self.steps),
            undoes=self.undo == "automatic",
            verify_within=timedelta(seconds=self.verification.within_seconds),
            risk=self.risk,
            cost=self.cost,
        )


class _File(BaseModel):
    model_config = _STRICT
    playbooks: list[_Playbook] = []


def load_playbooks(folder: Path | None = None) -> tuple[Playbook, ...]:
    """The shipped playbooks and then those of `folder` (*.yaml); one of the same name replaces the shipped one.

    Raises InvalidSettings naming the file, the field and the reason.
    """
    shipped = sorted(files("akeso.defaults").joinpath("playbooks").iterdir(), key=lambda entry: entry.name)
    books = _books((entry.name, entry.read_text("utf-8")) for entry in shipped if entry.name.endswith(".yaml"))
    if folder is not None:
        if not folder.is_dir():
            raise InvalidSettings(str(folder), "is not a folder of playbooks")
        books |= _books((file.name, read_text(file)) for file in sorted(folder.glob("*.yaml")))
    return tuple(books.values())


def parse(text: str, source: str) -> tuple[Playbook, ...]:
    """The playbooks of one file. Raises InvalidSettings naming `source`, the field and the reason."""
    return tuple(_books([(source, text)]).values())


def _books(documents: Iterable[tuple[str, str]]) -> dict[str, Playbook]:
    books: dict[str, Playbook] = {}
    for source, text in documents:
        for number, book in enumerate(checked_yaml(text, source, _File).playbooks):
            if book.name in books:
                raise InvalidSettings(f"{source}: playbooks[{number}].name", f"the name {book.name} is used twice")
            books[book.name] = book.made()
    return books
