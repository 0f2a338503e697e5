"""The scenarios that ship."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from akeso.worlds.scenarios.document import Scenario, load_scenario

FILES = Path(__file__).parent / "files"


@cache
def scenarios() -> Mapping[str, Scenario]:
    """All of them by name (folder/file without its ending), sorted. Raises InvalidInput naming the file."""
    found = sorted(FILES.rglob("*.yaml"))
    return {str(file.relative_to(FILES).with_suffix("")): load_scenario(file) for file in found}
