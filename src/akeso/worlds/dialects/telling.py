"""Who tells of a world and how: the part `telling` of its YAML.

telling:
  senders:
    - dialect: otel_traces
      services: ["shop-*"]
      options: {share: 0.2, conventions: old}
    - dialect: prometheus
      every_s: 30
      options: {version: 2}
      disturbance: {jitter_s: 0.2, twice: 0.01}
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from akeso.domain.errors import InvalidInput
from akeso.worlds.delivery import Teller
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.disturbance import Disturbance, Disturbed
from akeso.worlds.dialects.registry import Dialect, dialects
from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.spec import WorldSpec

DEFAULT: Mapping[str, Any] = {
    "senders": [
        {"dialect": "otel_metrics"},
        {"dialect": "otel_traces"},
        {"dialect": "otel_logs"},
        {"dialect": "prometheus"},
        {"dialect": "changes"},
        {"dialect": "kubernetes_events"},
        {"dialect": "alertmanager"},
    ]
}
"""What a world says whose YAML says nothing of it."""


class Sender(BaseModel):
    """dialect: a name of akeso.worlds.dialects.registry; services: names with wildcards, kinds: of services; it tells
    of those that are in both (all, where nothing is said), less `except`; every_s: its cadence, the tool's own default
    without; options: of the dialect."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    dialect: str
    services: tuple[str, ...] = ()
    kinds: tuple[ServiceKind, ...] = ()
    except_: tuple[str, ...] = Field(default=(), alias="except")
    every_s: float | None = Field(default=None, ge=1, le=3_600)
    options: Mapping[str, Any] = {}
    disturbance: Disturbance = Disturbance()

    def rows(self, estate: Estate) -> frozenset[int]:
        """The rows of the services it tells of."""
        return frozenset(
            row
            for row, service in enumerate(estate.services)
            if (not self.services or _fits(service.name, self.services))
            and (not self.kinds or service.kind in self.kinds)
            and not _fits(service.name, self.except_)
        )


class Telling(BaseModel):
    """All senders of a world."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    senders: tuple[Sender, ...] = ()


def read_telling(raw: Mapping[str, Any]) -> Telling:
    """What the YAML says; DEFAULT where it says nothing. Raises InvalidInput naming the field."""
    try:
        return Telling.model_validate(raw or DEFAULT)
    except ValidationError as bad:
        raise _named("telling", bad) from bad


def tellers(spec: WorldSpec, seed: int) -> tuple[Teller, ...]:
    """The tellers of a world, for `World.open`. Raises InvalidInput naming the field."""
    tally = Tally()
    telling = read_telling(spec.telling)
    return tuple(_teller(spec, seed, tally, place, sender) for place, sender in enumerate(telling.senders))


def _teller(spec: WorldSpec, seed: int, tally: Tally, place: int, sender: Sender) -> Teller:
    where = f"telling.senders[{place}]"
    kind = dialects().get(sender.dialect)
    if kind is None:
        raise InvalidInput(f"{where}.dialect", f"{sender.dialect!r} is none; there are {', '.join(dialects())}")
    rows = sender.rows(spec.estate)
    if not rows:
        raise InvalidInput(f"{where}.services", "name no service of this world")
    random = np.random.default_rng([seed, place])
    assignment = Assignment(spec.estate, rows, spec.start, seed, tally, random, sender.every_s)
    made = _made(kind, assignment, sender, where)
    if sender.disturbance == Disturbance():
        return made
    return Disturbed(made, sender.disturbance, spec.start, np.random.default_rng([seed, place, 1]))


def _made(kind: type[Dialect], assignment: Assignment, sender: Sender, where: str) -> Dialect:
    try:
        return kind(assignment, kind.Options.model_validate(sender.options))
    except ValidationError as bad:
        raise _named(f"{where}.options", bad) from bad


def _named(where: str, bad: ValidationError) -> InvalidInput:
    first = bad.errors()[0]
    return InvalidInput(".".join([where, *map(str, first["loc"])]), first["msg"])


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
