"""Values that several parts read and one setting gives.

An options class that is also a part of the settings says of such a field where it is set:
`field(metadata={"set_at": "dry_run"})`. There the value is given; at the field itself it is refused, since it would be
overwritten. `value`, if there is one, is the attribute that is read when it is more than what was set.
"""

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar, cast, get_type_hints

from akeso.domain.errors import InvalidSettings

Options = TypeVar("Options")


def set_at(field: Field[Any]) -> str:
    """The dotted path of the setting that gives this field its value; "" for one that is set itself."""
    return str(field.metadata.get("set_at", ""))


def derived(options: Options, settings: object) -> Options:
    """The options with the values that other settings give them, at every depth."""
    changes: dict[str, Any] = {}
    for field in fields(cast("Any", options)):
        value = getattr(options, field.name)
        if place := set_at(field):
            changes[field.name] = attrgetter(field.metadata.get("value", place))(settings)
        elif is_dataclass(value):
            changes[field.name] = derived(value, settings)
    return cast("Options", replace(cast("Any", options), **changes)) if changes else options


def refuse_derived(kind: Any, given: object, path: str) -> None:
    """Raises InvalidSettings where `given`, for options of this class, holds a value that would be overwritten."""
    if not is_dataclass(kind) or not isinstance(given, Mapping):
        return
    hints = get_type_hints(kind)
    for field in fields(kind):
        if field.name not in given:
            continue
        here = f"{path}.{field.name}"
        if field.metadata.get("runtime"):
            raise InvalidSettings(here, "is no setting: it changes at run time")
        if place := set_at(field):
            raise InvalidSettings(here, f"is no setting: what stands here is set at {place}")
        refuse_derived(hints.get(field.name), given[field.name], here)
