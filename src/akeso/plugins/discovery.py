"""Finding plugins: the modules of akeso.plugins.<kind>, and entry points of the group `akeso.plugins`."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from akeso.domain.errors import InvalidSettings

GROUP = "akeso.plugins"
KINDS = ("detectors", "evidence", "reasoners", "actions", "sources", "pullers", "notifiers")


@cache
def discover(kind: str) -> Mapping[str, type[Any]]:
    """Plugin classes of one kind by their `name`, sorted."""
    found: dict[str, type[Any]] = {}
    for module in _modules(kind):
        for plugin in _classes(module):
            if plugin.name in found:
                raise InvalidSettings(f"plugins.{kind}.{plugin.name}", "two plugins have this name")
            found[plugin.name] = plugin
    return dict(sorted(found.items()))


def build(kind: str, options: Mapping[str, Mapping[str, object]] | None = None) -> dict[str, Any]:
    """One instance of every plugin of a kind. options: plugin name → keyword arguments of its constructor. A plugin
    whose class says `on_request` is made only when the options name it, if with nothing."""
    options = options or {}
    known = discover(kind)
    if unknown := options.keys() - known.keys():
        raise InvalidSettings(f"{kind}.{min(unknown)}", f"no such plugin; there are {', '.join(known)}")
    wanted = {n: plugin for n, plugin in known.items() if n in options or not getattr(plugin, "on_request", False)}
    return {name: _construct(kind, plugin, options.get(name, {})) for name, plugin in wanted.items()}


def make(kind: str, name: str, options: Mapping[str, object]) -> Any:
    """One instance of one plugin. Raises InvalidSettings when there is none of that name, it lacks an option that has
    no default, or an option is of the wrong type."""
    plugin = discover(kind).get(name)
    if plugin is None:
        raise InvalidSettings(f"{kind}.{name}", f"no such plugin; there are {', '.join(discover(kind))}")
    needed = [each.name for each in inspect.signature(plugin).parameters.values() if each.default is each.empty]
    if missing := [option for option in needed if option not in options]:
        raise InvalidSettings(missing[0], "is missing")
    hints = get_type_hints(plugin.__init__)
    return _construct(kind, plugin, {each: _fitting(each, value, hints.get(each)) for each, value in options.items()})


def _fitting(option: str, value: object, kind: Any) -> Any:
    try:
        return TypeAdapter(kind or Any).validate_python(value)
    except ValidationError as bad:
        raise InvalidSettings(option, bad.errors()[0]["msg"]) from bad


def _construct(kind: str, plugin: type[Any], options: Mapping[str, object]) -> Any:
    accepted = inspect.signature(plugin).parameters
    for option in options:
        if option not in accepted:
            raise InvalidSettings(f"{kind}.{plugin.name}.{option}", f"no such option; there are {', '.join(accepted)}")
    return plugin(**options)


def _modules(kind: str) -> Iterator[ModuleType]:
    package = importlib.import_module(f"akeso.plugins.{kind}")
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{info.name}")
    for entry in entry_points(group=GROUP):
        if entry.name.startswith(f"{kind}."):
            yield entry.load()


def _classes(module: ModuleType) -> Iterator[type[Any]]:
    for name, value in vars(module).items():
        own = inspect.isclass(value) and value.__module__ == module.__name__
        if own and not name.startswith("_") and isinstance(getattr(value, "name", None), str):
            yield value
