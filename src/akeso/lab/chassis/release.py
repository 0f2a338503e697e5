"""The release a service runs: real code in a version folder, imported at start and called around each request."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

FILE = "release.py"

Hook = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Release:
    """`before(route, request)` and `after(route, reply)` belong to the release and may raise whatever it raises."""

    before: Hook
    after: Hook

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Import `release.py`. Whatever its import raises goes to the caller."""
        spec = importlib.util.spec_from_file_location("shop_release", folder / FILE)
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder / FILE} cannot be imported")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return cls(before=module.before, after=module.after)


def _nothing(_route: str, _content: dict[str, Any]) -> None:
    return None


NO_RELEASE = Release(before=_nothing, after=_nothing)
