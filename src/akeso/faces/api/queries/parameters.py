"""Query parameters: those that nobody reads are refused, because a filter that is misspelt would filter nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.faces.api.access import is_known

Chosen = TypeVar("Chosen", bound=Enum)
SEVERITIES = {severity.name.lower(): severity for severity in Severity}


async def refuse_unknown(connection: HTTPConnection) -> None:
    """A dependency of every route. Raises InvalidInput that names the parameter, and those that there are.

    It comes before what lets callers in: who is nobody is not told, and the route itself says so.
    """
    route = connection.scope.get("route")
    if not isinstance(route, APIRoute) or not connection.query_params or not is_known(connection):
        return
    known = set(_known(route.dependant))
    unknown = next((name for name in connection.query_params if name not in known), None)
    if unknown is not None:
        there = f"there are {', '.join(sorted(known))}" if known else "it takes none"
        raise InvalidInput(unknown[:100], f"is no parameter of {route.path}: {there}")


def utc(at: datetime | None) -> datetime | None:
    """A time without a zone would be compared in the server's zone, which the caller cannot know: it is read as UTC."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def listed(text: str) -> tuple[str, ...]:
    """Values that are separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def named(field: str, text: str, names: dict[str, Chosen]) -> tuple[Chosen, ...]:
    """The members of an enumeration that a parameter lists. Raises InvalidInput."""
    found = []
    for part in listed(text):
        if part.lower() not in names:
            raise InvalidInput(field, f"{part[:100]} is none of {', '.join(names)}")
        found.append(names[part.lower()])
    return tuple(found)


def one_of(field: str, text: str, names: dict[str, Chosen]) -> Chosen | None:
    """The member that a parameter names; None when it names none. Raises InvalidInput."""
    found = named(field, text, names)
    if len(found) > 1:
        raise InvalidInput(field, "takes one value")
    return found[0] if found else None


def labels_of(asked: list[str]) -> tuple[tuple[str, str], ...]:
    """`name=value` of each. Raises InvalidInput."""
    for each in asked:
        if "=" not in each:
            raise InvalidInput("label", f"{each[:100]} is not like name=value")
    return tuple((name, value) for name, _, value in (each.partition("=") for each in asked))


def sorted_by(text: str, names: dict[str, Chosen], usual: Chosen) -> tuple[Chosen, bool]:
    """By what, and whether downwards: `updated_at` is upwards, `-updated_at` downwards; `usual` downwards where nothing
    is asked for. Raises InvalidInput."""
    return one_of("sort", text.removeprefix("-"), names) or usual, not text or text.startswith("-")


def _known(dependant: Dependant) -> Iterator[str]:
    for each in dependant.query_params:
        kind: Any = each.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from kind.model_fields
        else:
            yield each.alias
    for inner in dependant.dependencies:
        yield from _known(inner)
