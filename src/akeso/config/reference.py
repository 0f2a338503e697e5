"""The reference of all settings, as a page: read from the options classes, so that it is never behind them.

A class says in its docstring what each field is: `field: what it is.` on a line of its own, continued on lines that are
indented further.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr

from akeso.config.derived import set_at
from akeso.config.intake_settings import ListenSettings, PullSettings
from akeso.config.settings import PREFIX, Settings
from akeso.domain.renamed import SETTINGS, VOTES

_TABLES = ("pull", "listen")  # each a list of tables, shown as sections of their own
_LINE = re.compile(r"([a-z_]+): (.+)")
_PLAIN: Mapping[Any, str] = {
    timedelta: "duration",
    bool: "`true`, `false`",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "text (secret)",
}
_UNITS = (("_bytes", "bytes"), ("_tokens", "tokens"), ("_money", "USD"), ("_price", "USD per million tokens"))
_HEAD = f"""\
# Settings

<!-- Made by `akeso init --settings-reference`; change the docstrings of the options classes instead. -->

Every setting that there is. They stand in `akeso.toml` (a dotted key is a table and a name in it:
`budget.per_week` is `per_week` under `[budget]`), in the environment (`{PREFIX}BUDGET__PER_WEEK=3`), or behind
`--set` (`--set budget.per_week=3`). What a command gives wins over the environment, that over `.env`, that over the
file. Durations are seconds. A name that is not here is refused.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting. key: its dotted path; unit: "" where its type says it all."""

    key: str
    type: str
    default: str
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """The settings of one class. title: the dotted path before their names; "" at the top."""

    title: str
    summary: str
    entries: tuple[Entry, ...]


def sections() -> tuple[Section, ...]:
    """All settings, in the order of the classes. Raises KeyError with the name of a field that nobody describes."""
    pull, listen = PullSettings(kind="", url="http://localhost"), ListenSettings(protocol="syslog", port=0)
    return (
        *_sections(Settings, Settings(), "", frozenset()),
        *_sections(PullSettings, pull, "pull", frozenset({"kind", "url"})),
        *_sections(ListenSettings, listen, "listen", frozenset({"protocol", "port"})),
    )


def page() -> str:
    """The reference in Markdown."""
    return "\n".join([_HEAD, *map(_shown, sections()), _renamed()])


def _sections(kind: Any, options: Any, path: str, required: frozenset[str]) -> Iterator[Section]:
    texts, hints = _texts(kind), get_type_hints(kind, include_extras=True)
    entries, below = [], []
    for name in _names(kind):
        value, place = getattr(options, name), f"{path}.{name}" if path else name
        if is_dataclass(value):
            below.append((type(value), value, place))
        elif place not in _TABLES:
            default = "" if name in required else _default(value)
            entries.append(Entry(place, _type(hints[name]), default, _unit(hints[name], name), texts[name]))
    if entries:
        yield Section(path, cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " "), tuple(entries))
    for inner, value, place in below:
        yield from _sections(inner, value, place, frozenset())


def _names(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return [field.name for field in fields(kind) if not set_at(field) and not field.metadata.get("runtime")]


def _texts(kind: type) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        name = ""
        for line in cleandoc(each.__dict__.get("__doc__") or "").splitlines():
            if (start := _LINE.fullmatch(line)) is not None:
                name = start[1]
                found[name] = start[2]
            elif name and line.startswith("    "):
                found[name] += f" {line.strip()}"
            else:
                name = ""
    return found


def _type(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(inner[0])
    if origin in {Union, UnionType}:
        return " or ".join("unset" if each is NoneType else _type(each) for each in inner)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin in {frozenset, tuple}:
        return "list of texts" if inner[0] is str else "list of numbers"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{_word(each)}`" for each in hint)
    return _PLAIN.get(hint, "table")


def _unit(hint: Any, name: str) -> str:
    if timedelta in {hint, *get_args(hint)}:
        return "s"
    return next((unit for end, unit in _UNITS if name.endswith(end)), "")


def _default(value: Any) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"`{value.total_seconds():g}`"
        case SecretStr():
            return '`""`'
        case Enum():
            return f"`{_word(value)}`"
        case frozenset() | tuple():
            listed = sorted(value) if isinstance(value, frozenset) else value
            return f"`[{', '.join(_toml(each) for each in listed)}]`"
        case Mapping():
            return f"`{{{', '.join(f'{_word(name)} = {each}' for name, each in value.items())}}}`"
        case _:
            return f"`{_toml(value)}`"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str | Path) else str(value)


def _word(value: Any) -> str:
    return value.value if isinstance(getattr(value, "value", None), str) else getattr(value, "name", str(value)).lower()


def _shown(section: Section) -> str:
    named = f"## `[[{section.title}]]`" if section.title in _TABLES else f"## `[{section.title}]`"
    head = named if section.title else "## At the top"
    rows = [f"| `{e.key}` | {e.type} | {e.default} | {e.unit} | {e.text} |" for e in section.entries]
    table = "\n".join(["| key | type | default | unit | what |", "|---|---|---|---|---|", *rows])
    return f"{head}\n\n{section.summary}\n\n{table}\n"


def _renamed() -> str:
    votes = {old: f'votes.NAME = "{vote}"' for old, vote in VOTES.items()}
    rows = "\n".join(f"| `{old}` | `{new}` |" for old, new in {**SETTINGS, **votes}.items())
    return f"""\
## Earlier names

They are understood for one release; the log names the present one (`settings.renamed`). A section stands for all
that is below it.

| earlier | now |
|---|---|
{rows}
"""
