"""Reading a service's bindings, with failures that name the field a team has to fix."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import Binding, ServiceSpec


def bound(service: ServiceSpec, binding: str, kind: str, *fields: str) -> Binding:
    """The binding of this name, of this `kind`, with every one of `fields` filled in.

    Raises ActionFailed naming the field as it stands in services.yaml.
    """
    place = f"services.{service.name}.bindings.{binding}"
    found = service.bindings.get(binding)
    if found is None:
        raise ActionFailed(f"{place}: there is no such binding, so nothing can be done through it")
    if not isinstance(found, Mapping):
        raise ActionFailed(f"{place}: a mapping is wanted, not {found!r}")
    if found.get("kind") != kind:
        raise ActionFailed(f"{place}.kind: {found.get('kind') or 'nothing'} is not supported here; use {kind}")
    for name in fields:
        if not found.get(name):
            raise ActionFailed(f"{place}.{name}: is missing")
    return found


def whole_number(parameters: Mapping[str, str], name: str, default: int) -> int:
    """A step's parameter as a number of at least 1. Raises ActionFailed naming the parameter."""
    text = parameters.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ActionFailed(f"parameters.{name}: a whole number of at least 1 is wanted, not {text!r}")
    return int(text)


def seconds(parameters: Mapping[str, str], name: str, default: float) -> float:
    """A step's parameter as a duration in seconds. Raises ActionFailed naming the parameter."""
    text = parameters.get(name)
    if text is None:
        return default
    if not text.replace(".", "", 1).isdecimal():
        raise ActionFailed(f"parameters.{name}: a number of seconds is wanted, not {text!r}")
    return float(text)
