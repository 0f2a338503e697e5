"""Filters on the command line, as REST takes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from akeso.domain.errors import InvalidInput


def question(only: Iterable[str]) -> dict[str, list[str]]:
    """`name=value` of each as query parameters; REST says which there are. Raises InvalidInput."""
    asked: dict[str, list[str]] = {}
    for name, value in (pair("only", text) for text in only):
        asked.setdefault(name, []).append(value)
    return asked


def tell_next(page: Mapping[str, Any]) -> None:
    """How the page that follows is asked for, when there is one."""
    if page.get("next"):
        print(f"More: --only cursor={page['next']}")


def pair(option: str, text: str) -> tuple[str, str]:
    """Name and value. Raises InvalidInput."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise InvalidInput(option, f"{text} is not name=value")
    return name, value
