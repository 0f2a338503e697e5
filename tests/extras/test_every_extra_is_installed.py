"""Tests of tests/unit leave out what an extra that is not installed would run: before a landing all of them are."""

import re
from importlib.metadata import distributions, requires

import pytest

NAMED = re.compile(r"^([\w.-]+).*extra == ['\"]([\w-]+)['\"]")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> set[tuple[str, str]]:
    """(extra, distribution) of every requirement that an extra adds."""
    found = (NAMED.match(line) for line in requires("akeso") or ())
    return {(match[2], normal(match[1])) for match in found if match}


@pytest.mark.parametrize("extra", sorted({extra for extra, _ in required()}))
def test_everything_of_an_extra_is_installed(extra: str) -> None:
    there = {normal(each.name) for each in distributions()}
    assert {name for of, name in required() if of == extra} <= there
