"""The worlds that ship, and those in files of one's own."""

from collections.abc import Mapping
from pathlib import Path

from akeso.domain.errors import NotFound
from akeso.worlds.document import read_world
from akeso.worlds.spec import WorldSpec

FILES = Path(__file__).parent / "files"


def shipped() -> Mapping[str, Path]:
    """Name → file, sorted."""
    return {file.stem: file for file in sorted(FILES.glob("*.yaml"))}


def find_world(name: str) -> WorldSpec:
    """A shipped world by its name, or that of a file. Raises NotFound, and InvalidInput for a file that is no world."""
    return read_world(world_file(name).read_text())


def world_file(name: str) -> Path:
    """The file of a shipped world, or the one that is named. Raises NotFound."""
    file = shipped().get(name, Path(name))
    if not file.is_file():
        raise NotFound(f"there is no world {name}; there are {', '.join(shipped())}, or give a file")
    return file
