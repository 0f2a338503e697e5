"""The reference of settings: every setting stands in it, is described, and is read by somebody."""

import ast
from functools import cache
from pathlib import Path

import pytest

import akeso
from akeso.config.reference import Entry, page, sections

ROOT = Path(__file__).parents[3]
ENTRIES = [entry for section in sections() for entry in section.entries]


@cache
def read_names() -> frozenset[str]:
    """The attributes that anything in Akeso reads."""
    trees = (ast.parse(file.read_text()) for file in Path(akeso.__file__).parent.rglob("*.py"))
    return frozenset(node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def test_the_page_is_the_one_that_the_code_makes() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "run: akeso init --settings-reference"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_setting_is_read_somewhere(entry: Entry) -> None:
    assert entry.key.rpartition(".")[2] in read_names()


def test_settings_have_a_type_a_default_and_words() -> None:
    found = {entry.key: entry for entry in ENTRIES}
    assert found["features.slot"] == Entry("features.slot", "duration", "`1`", "s", "width of a slot.")
    assert found["trust"].type == "`observe`, `suggest`, `approve`, `auto`"
    assert found["port"].default == "`8321`"
    assert found["healing.plan.risk_costs"].default.startswith("`{none = 0.0")
    assert all(entry.type and entry.text for entry in ENTRIES)


def test_what_another_setting_gives_is_no_entry() -> None:
    keys = {entry.key for entry in ENTRIES}
    assert keys.isdisjoint({"healing.agent.advance.dry_run", "healing.gate.govern.trust", "budget.rules"})
    assert "model.score.model" not in keys
