"""There is one gate: nothing but the engine's effects calls an action's `apply` or `undo`."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "akeso"
GATE = SOURCE / "engine" / "effects.py"
# Conformance suites and scripted actions that ship for authors of actions.
TESTING = SOURCE / "testing"


def effects(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines that touch `<something>.apply` or `.undo` (called, or handed on to be called), but for own methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"apply", "undo"}:
            owner = node.value.id if isinstance(node.value, ast.Name) else ast.unparse(node.value)
            if owner not in {"self", "cls"} and not owner.endswith("effects"):
                yield node.lineno, f"{owner}.{node.attr}"


def test_only_the_gate_calls_apply_and_undo() -> None:
    files = [path for path in SOURCE.rglob("*.py") if path != GATE and not path.is_relative_to(TESTING)]
    assert len(files) > 100
    found = {
        f"{path.relative_to(SOURCE)}:{line}: {what}"
        for path in files
        for line, what in effects(ast.parse(path.read_text()))
    }
    assert found == set()


def test_the_gate_itself_calls_them() -> None:
    called = {what for _, what in effects(ast.parse(GATE.read_text()))}
    assert called == {"action.apply", "action.undo"}


def test_the_rule_sees_calls_and_references() -> None:
    for code in ("await action.apply(step)", "f(actions['x'].undo)", "getattr(a, 'b').apply(1)"):
        assert list(effects(ast.parse(code)))
