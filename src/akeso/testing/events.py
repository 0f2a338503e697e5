"""One journal event of every kind, made from its declared fields."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin, get_type_hints

AT = datetime(2030, 1, 1, tzinfo=UTC)
_PLAIN: Mapping[Any, Any] = MappingProxyType(
    {str: "text", float: 0.5, int: 7, bool: True, datetime: AT, timedelta: timedelta(seconds=3), NoneType: None}
)


def example(kind: Any, *, full: bool) -> Any:
    """A value of a declared type. full: with every field filled in; else only with those that must be."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        named = [f for f in fields(kind) if full or (f.default is MISSING and f.default_factory is MISSING)]
        return kind(**{f.name: example(hints[f.name], full=full) for f in named})
    return _generic(kind, full=full)


def _generic(kind: Any, *, full: bool) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and arguments[-1] is ...:
        return (example(arguments[0], full=full),) if full else ()
    if origin is tuple:
        return tuple(example(argument, full=full) for argument in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {example(arguments[0], full=full): example(arguments[1], full=full)} if full else {}
    chosen = [a for a in arguments if a is not NoneType] if full else [NoneType, *arguments]
    return example(next(a for a in chosen if a in arguments), full=full)
