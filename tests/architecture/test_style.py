"""Rules of docs/style that no linter knows."""

import ast
import statistics
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "akeso"
FILES = sorted(p for p in SOURCE.rglob("*.py") if "migrations" not in p.parts)
BANNED = {"utils", "helpers", "manager", "base", "common", "misc"}


def relative(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_most_files_are_short() -> None:
    assert statistics.median(len(p.read_text().splitlines()) for p in FILES) <= 150


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_function_is_longer_than_40_lines(path: Path) -> None:
    too_long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1})"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 40
    ]
    assert not too_long


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_modules_are_named_for_what_they_hold(path: Path) -> None:
    assert path.stem.strip("_") not in BANNED


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_settings_read_the_environment(path: Path) -> None:
    # The lab starts processes and hands them their environment: it is the environment.
    if path.is_relative_to(SOURCE / "lab") or path == SOURCE / "config" / "settings.py":
        return
    reads = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert not reads


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_of_akeso_knows_the_lab(path: Path) -> None:
    if path.is_relative_to(SOURCE / "lab") or path.is_relative_to(SOURCE / "faces" / "cli"):
        return
    imports = [
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("akeso.lab")
    ]
    assert not imports
