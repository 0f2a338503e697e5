"""A hook of MkDocs: pages that mkdocs.yml does not name are added to its navigation, so that a new page is one file."""

from pathlib import Path
from typing import Any

# The section of the navigation that takes the further pages of a folder below docs/.
SECTIONS = {".": "Reference", "measurements": "Measurements", "adr": "Decisions"}


def on_config(config: Any) -> Any:
    """Called by MkDocs with its configuration, which is changed and given back."""
    docs = Path(config["docs_dir"])
    named = set(_pages(config["nav"]))
    for folder, section in SECTIONS.items():
        found = sorted(str(path.relative_to(docs)) for path in (docs / folder).glob("*.md"))
        (entries,) = (entry[section] for entry in config["nav"] if isinstance(entry, dict) and section in entry)
        entries += [page for page in found if page not in named]
    return config


def _pages(nav: Any) -> list[str]:
    match nav:
        case str():
            return [nav]
        case dict():
            return [page for entry in nav.values() for page in _pages(entry)]
        case _:
            return [page for entry in nav for page in _pages(entry)]
