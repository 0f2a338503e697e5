"""Who tells a world, as its YAML says: a dialect by its name, how often it speaks, about whom, and its own options.

telling:
  otel_traces: {every: 5s, share: 0.2}
  otel_metrics: {every: 15s, services: [cart, orders]}
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from akeso.domain.errors import InvalidInput
from akeso.worlds import dialects
from akeso.worlds.delivery import Teller
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.scenarios.timing import Duration
from akeso.worlds.spec import WorldSpec
from akeso.worlds.world import World


class _Part(BaseModel):
    """What is common to all dialects; the rest are options of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    every: Duration | None = None
    services: tuple[str, ...] = ()


@cache
def known_dialects() -> Mapping[str, Any]:
    """Dialect classes by name."""
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(dialects.__path__):
        module = importlib.import_module(f"{dialects.__name__}.{info.name}")
        members: list[tuple[str, Any]] = inspect.getmembers(module, inspect.isclass)
        for _, plugin in members:
            if plugin.__module__ == module.__name__ and isinstance(getattr(plugin, "Options", None), type):
                found[plugin.name] = plugin
    return dict(sorted(found.items()))


def open_world(spec: WorldSpec, seed: int) -> World:
    """The world with all who tell it. Raises InvalidInput naming the place in `telling`."""
    return World.open(spec, seed, tuple(_tellers(spec, seed)))


def _tellers(spec: WorldSpec, seed: int) -> Iterator[Teller]:
    tally = Tally()
    for place, (name, given) in enumerate(spec.telling.items()):
        dialect = known_dialects().get(name)
        if dialect is None:
            raise InvalidInput(f"telling.{name}", f"there is no such dialect; there are {', '.join(known_dialects())}")
        random = np.random.default_rng([seed, place, *name.encode()])
        try:
            part = _Part.model_validate(given or {})
            options = dialect.Options.model_validate(part.model_extra or {})
        except ValidationError as bad:
            first = bad.errors()[0]
            raise InvalidInput(f"telling.{name}.{'.'.join(map(str, first['loc']))}", first["msg"]) from bad
        every = None if part.every is None else part.every / 1e9
        services = _rows(spec, name, part.services)
        yield dialect(Assignment(spec.estate, services, spec.start, seed, tally, random, every), options)


def _rows(spec: WorldSpec, name: str, services: tuple[str, ...]) -> frozenset[int]:
    rows = spec.estate.row_of
    if unknown := [service for service in services if service not in rows]:
        raise InvalidInput(f"telling.{name}.services", f"there is no service {unknown[0]}")
    return frozenset(rows[service] for service in services) or frozenset(range(len(spec.estate.services)))
