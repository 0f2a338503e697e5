"""Playbooks: what a team knows about healing, as YAML that it can review.

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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import yaml

from akeso.domain.errors import InvalidSettings
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


def load_playbooks(folder: Path | None = None) -> tuple[Playbook, ...]:
    """The shipped playbooks and then those of `folder` (*.yaml); one of the same name replaces the shipped one.

    Raises InvalidSettings naming the file, the field and the reason.
    """
    shipped = sorted(files("akeso.defaults").joinpath("playbooks").iterdir(), key=lambda entry: entry.name)
    books = {b.name: b for e in shipped if e.name.endswith(".yaml") for b in parse(e.read_text("utf-8"), e.name)}
    if folder is not None:
        books |= _of_folder(folder)
    return tuple(books.values())


def _of_folder(folder: Path) -> dict[str, Playbook]:
    if not folder.is_dir():
        raise InvalidSettings(str(folder), "is not a folder of playbooks")
    books: dict[str, Playbook] = {}
    for file in sorted(folder.glob("*.yaml")):
        for book in parse(file.read_text("utf-8"), file.name):
            if book.name in books:
                raise InvalidSettings(f"{file.name}: playbooks", f"the name {book.name} is used twice")
            books[book.name] = book
    return books


def parse(text: str, source: str) -> tuple[Playbook, ...]:
    """The playbooks of one file. Raises InvalidSettings naming `source`, the field and the reason."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise InvalidSettings(source, f"is not YAML: {exc}") from exc
    root = _Field(document, f"{source}: ")
    root.only("playbooks")
    books = tuple(_playbook(item) for item in root["playbooks"].items())
    names = [b.name for b in books]
    if twice := {n for n in names if names.count(n) > 1}:
        raise InvalidSettings(f"{source}: playbooks", f"the name {min(twice)} is used twice")
    return books


def _playbook(book: "_Field") -> Playbook:
    book.only(
        "name", "summary", "when", "when_not", "preconditions", "steps", "undo", "verification", "risk", "cost"
    )  # fmt: skip
    steps = tuple(_step(s) for s in book["steps"].items())
    if not steps:
        raise book["steps"].wrong("must have at least one step")
    verification = book["verification"]
    verification.only("within_seconds")
    return Playbook(
        name=book["name"].text(),
        summary=book["summary"].text(""),
        when=_when(book["when"]),
        when_not=_when_not(book["when_not"]),
        preconditions=tuple(_precondition(p) for p in book["preconditions"].items()),
        steps=steps,
        undoes=book["undo"].choice(("none", "automatic"), "none") == "automatic",
        verify_within=timedelta(seconds=verification["within_seconds"].number(30.0, least=1.0)),
        risk=Risk[book["risk"].choice([r.name.lower() for r in Risk], "low").upper()],
        cost=book["cost"].number(0.0),
    )


def _step(step: "_Field") -> PlaybookStep:
    step.only("action", "target", "binding", "parameters")
    parameters = {name: step["parameters"][name].text() for name in step["parameters"].names()}
    return PlaybookStep(
        step["action"].text(), step["target"].text(ROOT_CAUSE), step["binding"].text(""), MappingProxyType(parameters)
    )


def _when(when: "_Field") -> When:
    when.only("fault_classes", "signals", "minimum_confidence")
    classes = when["fault_classes"]
    expected = {name: classes[name].number(most=1.0) for name in classes.names()}
    if not expected:
        raise classes.wrong("must map at least one fault class to the share of cases in which this helps")
    confidence = when["minimum_confidence"].number(0.0, most=1.0)
    return When(MappingProxyType(expected), _signals(when["signals"]), confidence)


def _when_not(unless: "_Field") -> WhenNot:
    unless.only("fault_classes", "signals", "tiers", "environments")
    return WhenNot(
        frozenset(unless["fault_classes"].texts()),
        _signals(unless["signals"]),
        frozenset(int(t.number()) for t in unless["tiers"].items()),
        frozenset(unless["environments"].texts()),
    )


def _precondition(condition: "_Field") -> Precondition:
    condition.only("recent_change", "external")
    if condition.names() == ["external"]:
        return RootIsExternal(condition["external"].flag())
    if condition.names() != ["recent_change"]:
        raise condition.wrong("must have exactly one of recent_change, external")
    change = condition["recent_change"]
    change.only("kinds", "within_seconds")
    kinds = frozenset(change["kinds"].texts())
    if not kinds:
        raise change["kinds"].wrong("must name at least one kind of change")
    return RecentChange(kinds, timedelta(seconds=change["within_seconds"].number(900.0)))


def _signals(signals: "_Field") -> frozenset[Signal]:
    known = [s.name.lower() for s in Signal]
    return frozenset(Signal[s.choice(known).upper()] for s in signals.items())


_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class _Field:
    """A value and where it stands, so that every complaint names the place. A missing field has the value None."""

    value: Any
    path: str

    def wrong(self, reason: str) -> InvalidSettings:
        return InvalidSettings(self.path.rstrip(".: "), reason)

    def __getitem__(self, name: str) -> "_Field":
        return _Field(self._mapping().get(name), f"{self.path}{name}.")

    def names(self) -> list[str]:
        return [str(name) for name in self._mapping()]

    def only(self, *allowed: str) -> None:
        if unknown := [name for name in self.names() if name not in allowed]:
            raise self[unknown[0]].wrong(f"is not known; there are {', '.join(allowed)}")

    def items(self) -> "Sequence[_Field]":
        if self.value is None:
            return ()
        if not isinstance(self.value, list):
            raise self.wrong("must be a list")
        return [_Field(v, f"{self.path.rstrip('.')}[{i}].") for i, v in enumerate(self.value)]

    def texts(self) -> Iterable[str]:
        return [item.text() for item in self.items()]

    def text(self, default: str = _REQUIRED) -> str:
        if self.value is None:
            return str(self._default(default))
        if not isinstance(self.value, str | int | float) or isinstance(self.value, bool) or self.value == "":
            raise self.wrong("must be text")
        return str(self.value)

    def choice(self, allowed: Sequence[str], default: str = _REQUIRED) -> str:
        chosen = self.text(default)
        if chosen not in allowed:
            raise self.wrong(f"must be one of {', '.join(allowed)}")
        return chosen

    def number(self, default: float = _REQUIRED, *, least: float = 0.0, most: float = float("inf")) -> float:
        value = self._default(default) if self.value is None else self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self.wrong("must be a number")
        if not least <= value <= most:
            raise self.wrong(f"must be at least {least:g}" + (f" and at most {most:g}" if isfinite(most) else ""))
        return float(value)

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("must be true or false")
        return self.value

    def _default(self, default: Any) -> Any:
        if default is _REQUIRED:
            raise self.wrong("is missing")
        return default

    def _mapping(self) -> Mapping[str, Any]:
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.wrong("must be a mapping")
        return self.value
