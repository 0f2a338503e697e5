"""What an install of the core alone does not have, told from what each installed distribution requires."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

_NAME = re.compile(r"[\w.-]+")
_TEST_RUNNERS = ("hypothesis", "pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist")


@cache
def missing_packages() -> tuple[str, ...]:
    """Packages to import that extras bring, directly or not, and neither the core nor what runs tests."""
    own = requires("akeso") or ()
    there = _reached([*(line for line in own if not _is_extra(line)), *_TEST_RUNNERS])
    beyond = _reached(line for line in own if _is_extra(line)) - there
    return tuple(name for name, owners in packages_distributions().items() if {*map(_normal, owners)} <= beyond)


def _reached(lines: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = [_named(line) for line in lines]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [_named(line) for line in _required(name) if not _is_extra(line)]
    return found


def _required(name: str) -> Iterable[str]:
    try:
        return requires(name) or ()
    except PackageNotFoundError:  # of another platform
        return ()


def _is_extra(line: str) -> bool:
    return "extra ==" in line


def _named(line: str) -> str:
    found = _NAME.match(line)
    return _normal(found[0]) if found else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pytest_configure() -> None:
    """As a plugin (`pytest -p akeso.testing.core_install`): an import of what only extras bring fails from here on."""
    sys.modules.update(dict.fromkeys(missing_packages()))  # type: ignore[arg-type] # None: not to be found
