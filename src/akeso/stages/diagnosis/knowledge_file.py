"""Knowledge files: symptoms and links as YAML that a team can review.

symptoms:
  coolant_leak:
    says: coolant is being lost
    layer: physical                        # physical, host or software
    metrics:
      - {name: 'coolant.*(flow|level)', moves: down}      # by what is unusual for the series
      - {name: 'hw\\.temperature', moves: up, by: 8}       # by at least 8 units
      - {name: 'replica.*lag', above: 60}                 # beyond a limit
    logs: ['coolant .{0,20}(leak|low)']
    signals: [latency]                     # Akeso's own signals
    fault_class: coolant_leak              # what the fault is called when this comes first
links:
  - {cause: coolant_leak, effect: overheating, because: …, source: …}
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.estate.knowledge import Knowledge, Layer, Link, MetricCue, Moves, Symptom
from akeso.domain.telemetry.signal import Signal


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as bad:
        raise ValueError(f"is no regular expression: {bad}") from bad
    return text


_Text = Annotated[str, Field(min_length=1)]
_Words = Annotated[_Text, AfterValidator(_pattern)]


def _signal(name: object) -> object:
    known = {signal.name.lower(): signal for signal in Signal}
    if name not in known:
        raise ValueError(f"is none of {', '.join(known)}")
    return known[str(name)]


_SignalName = Annotated[Signal, BeforeValidator(_signal)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Cue(_Strict):
    name: _Words
    moves: Moves = Moves.UP
    by: Annotated[float, Field(gt=0)] | None = None
    above: float | None = None
    below: float | None = None

    def cue(self) -> MetricCue:
        return MetricCue(re.compile(self.name, re.IGNORECASE), self.moves, self.by, self.above, self.below)


class _Symptom(_Strict):
    says: _Text
    layer: Layer
    metrics: list[_Cue] = []
    logs: list[_Words] = []
    signals: list[_SignalName] = []
    fault_class: str = ""

    def symptom(self, name: str) -> Symptom:
        return Symptom(
            name,
            self.says,
            self.layer,
            tuple(cue.cue() for cue in self.metrics),
            tuple(re.compile(words, re.IGNORECASE) for words in self.logs),
            frozenset(self.signals),
            self.fault_class,
        )


class _Link(_Strict):
    cause: _Text
    effect: _Text
    because: _Text
    source: _Text


class _File(_Strict):
    symptoms: dict[_Text, _Symptom] = {}
    links: list[_Link] = []


def load_knowledge(path: Path | None = None) -> Knowledge:
    """What ships, and then a team's own file or folder of files (*.yaml): a symptom of the same name replaces the
    shipped one, links are added. Raises InvalidSettings naming the file, the field and the reason."""
    if path is None:
        return shipped_knowledge()
    known = shipped_knowledge()
    for file in _files(path):
        known = _extended(known, _parse(_read(file), file.name), file.name)
    return known


@cache
def shipped_knowledge() -> Knowledge:
    """What ships, read once a process."""
    nothing = Knowledge({}, ())
    documents = sorted(files("akeso.defaults").joinpath("knowledge").iterdir(), key=lambda entry: entry.name)
    for document in (d for d in documents if d.name.endswith(".yaml")):
        nothing = _extended(nothing, _parse(document.read_text("utf-8"), document.name), document.name)
    return nothing


def _files(path: Path) -> Iterable[Path]:
    return sorted(path.glob("*.yaml")) if path.is_dir() else [path]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as bad:
        raise InvalidSettings(str(path), f"cannot be read: {bad.strerror}") from bad
    except UnicodeDecodeError as bad:
        raise InvalidSettings(str(path), "is no UTF-8 text") from bad


def _parse(text: str, source: str) -> _File:
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as bad:
        raise InvalidSettings(source, f"is no YAML: {bad}") from bad
    try:
        return _File.model_validate({} if document is None else document)
    except ValidationError as bad:
        first = bad.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidSettings(f"{source}: {where}".removesuffix(": "), first["msg"]) from bad


def _extended(known: Knowledge, file: _File, source: str) -> Knowledge:
    symptoms = {**known.symptoms, **{name: found.symptom(name) for name, found in file.symptoms.items()}}
    links = tuple(Link(link.cause, link.effect, link.because, link.source) for link in file.links)
    own = {(link.cause, link.effect) for link in links}
    kept = tuple(link for link in known.links if (link.cause, link.effect) not in own)
    _must_be_known(links, symptoms.keys(), source)
    try:
        return Knowledge(symptoms, (*kept, *links))
    except InvalidInput as bad:
        raise InvalidSettings(f"{source}: {bad.field}", bad.reason) from bad


def _must_be_known(links: Iterable[Link], names: Iterable[str], source: str) -> None:
    # Here, so that the number is that of the link in its file.
    known = set(names)
    for number, link in enumerate(links):
        for end, name in (("cause", link.cause), ("effect", link.effect)):
            if name not in known:
                raise InvalidSettings(f"{source}: links.{number}.{end}", f"there is no symptom {name}")
