"""Version folders with the links `current` and `previous`; a release or a configuration lives in one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CURRENT = "current"
PREVIOUS = "previous"


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def successor(version: str) -> str:
    """The next version: the last number plus one."""
    *head, last = version.split(".")
    return ".".join([*head, str(int(last) + 1)])


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of one thing. `promote` and `swap` replace links atomically."""

    root: Path

    def names(self) -> tuple[str, ...]:
        """Every version that exists, oldest first."""
        found = [entry.name for entry in self.root.iterdir() if entry.is_dir() and not entry.is_symlink()]
        return tuple(sorted(found, key=_order))

    def current(self) -> str:
        """The version that the next start takes."""
        return os.readlink(self.root / CURRENT)

    def previous(self) -> str | None:
        """The version before, when there is one."""
        link = self.root / PREVIOUS
        return os.readlink(link) if link.is_symlink() else None

    def next_name(self) -> str:
        """A name no version has yet."""
        return successor(self.names()[-1])

    def add(self, version: str, files: Mapping[str, str]) -> None:
        """Write a version folder; it is not used until promoted."""
        folder = self.root / version
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)

    def read(self, name: str) -> str:
        """The text of a file of the current version."""
        return (self.root / CURRENT / name).read_text()

    def promote(self, version: str) -> None:
        """Make `version` current and what was current previous."""
        if (self.root / CURRENT).is_symlink():
            self.point(PREVIOUS, self.current())
        self.point(CURRENT, version)

    def swap(self) -> None:
        """Exchange current and previous."""
        current, previous = self.current(), self.previous()
        if previous is None:
            raise FileNotFoundError(f"{self.root} has no previous version")
        self.point(CURRENT, previous)
        self.point(PREVIOUS, current)

    def point(self, link: str, version: str) -> None:
        """Let `link` lead to `version`, in one step."""
        draft = self.root / f".{link}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(version)
        draft.replace(self.root / link)
