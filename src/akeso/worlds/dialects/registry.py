"""What there is: dialects and expositions, found by looking into their folders."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

import akeso.worlds.dialects as dialect_modules
import akeso.worlds.dialects.expositions as exposition_modules
from akeso.worlds.delivery import Teller
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.expositions.page import Exposition


class Dialect(Teller, Protocol):
    """A teller that can be asked for by name. Options: what its YAML may say; default_every_s: the tool's own."""

    name: ClassVar[str]
    Options: ClassVar[type[BaseModel]]
    default_every_s: ClassVar[float]

    def __init__(self, assignment: Assignment, options: Any) -> None: ...


@cache
def dialects() -> dict[str, type[Dialect]]:
    """Every dialect by its name."""
    found = {kind.name: kind for kind in _classes(dialect_modules) if hasattr(kind, "Options")}
    return dict(sorted(found.items()))


@cache
def expositions() -> tuple[type[Exposition], ...]:
    """Every page that can be scraped, by name."""
    found = {kind.name: kind for kind in _classes(exposition_modules) if hasattr(kind, "targets")}
    return tuple(found[name] for name in sorted(found))


def _classes(package: ModuleType) -> Iterator[Any]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.ispkg or module.name == __name__:
            continue
        loaded = importlib.import_module(module.name)
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if kind.__module__ == loaded.__name__ and isinstance(getattr(kind, "name", None), str):
                yield kind
