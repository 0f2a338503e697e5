"""The documentation: its links lead somewhere, it builds as a site, and the site needs no network."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:src|tests|scripts|docs)/[\w./-]+)`")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
# What a browser fetches by itself, unlike the target of a link that a reader has to click.
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"https?:|<link\b[^>]*\brel=\"stylesheet\"[^>]*https?:")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as the site and the usual viewers of repositories make them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return frozenset(re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower()) for text in headings)


def links(page: Path) -> Iterator[str]:
    """Links to other places of this repository."""
    prose = INLINE_CODE.sub("", FENCED.sub("", page.read_text()))
    yield from (target for target in LINK.findall(prose) if not re.match(r"[a-z]+:", target))


def broken(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    return not file.exists() or bool(anchor and anchor not in anchors(file))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_the_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    assert [target for target in links(page) if broken(page, target)] == []


# Decision records speak of the tree as it was.
@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "adr"], ids=relative)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    assert [name for name in NAMED.findall(page.read_text()) if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built so that every warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_on_the_site_and_can_be_reached_from_its_front(site: Path) -> None:
    front = (site / "index.html").read_text()
    pages = {str(page.relative_to(ROOT / "docs").with_suffix(".html")) for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages - {"index.html"} if f'href="{page}"' not in front} == set()


def test_a_page_of_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    assert [page.name for page in site.rglob("*.html") if LOADED.search(page.read_text())] == []
