"""Plugins as their classes show them, with targets that do not exist.

A plugin whose constructor takes options without a default shows a set of them in the class attribute `example_options`;
addresses in it are 127.0.0.1:PORT.
"""

import re
from collections.abc import Mapping
from typing import Any

from akeso.plugins.discovery import discover, make


def shown(kind: str, name: str, port: int, **more: object) -> Any:
    """A plugin of a kind with its example options and those in `more`. port: one that nobody listens on."""
    example: Mapping[str, object] = getattr(discover(kind)[name], "example_options", {})
    return make(kind, name, {option: elsewhere(value, port) for option, value in example.items()} | more)


def elsewhere(value: object, port: int) -> object:
    """A text with the addresses of this machine that stand in it at another port; other values as they are."""
    return re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", value) if isinstance(value, str) else value


def says_who_it_is(plugin: object) -> None:
    """What every plugin has: a name that can stand in the settings, and a line for GET /api/v1/plugins."""
    name = getattr(plugin, "name", None)
    assert isinstance(name, str), plugin
    assert name.isidentifier(), name
    assert name == name.lower(), name
    assert (type(plugin).__doc__ or "").strip(), f"{name} has no docstring to be shown by"
