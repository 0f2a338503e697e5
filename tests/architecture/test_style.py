"""Rules of docs/style that no linter knows: one test a rule, and its failure names every file that breaks it."""

import ast
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "akeso"
BANNED = {"utils", "helpers", "manager", "base", "common", "misc"}


class Module:
    """One file of the source, and what a rule asks of it."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.path = name, Path(name)
        self.lines = len(text.splitlines())
        self.nodes = list(ast.walk(ast.parse(text)))


Rule = Callable[[Module], Iterator[str]]


def too_long_a_file(module: Module) -> Iterator[str]:
    if module.lines > 400:
        yield f"{module.lines} lines"


def too_long_a_function(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > 40:
            yield f"{node.name} has {lines} lines"


def named_for_nothing(module: Module) -> Iterator[str]:
    if (name := module.path.stem.strip("_")) in BANNED:
        yield f"a module called {name}"


def reads_the_environment(module: Module) -> Iterator[str]:
    # The lab, and what starts servers for tests, hand processes their environment: they are the environment.
    started = module.path.parts[0] == "lab" or module.path.parts[:2] == ("testing", "servers")
    if started or module.name == "config/settings.py":
        return
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
            yield f"line {node.lineno}"


def knows_the_lab(module: Module) -> Iterator[str]:
    # The command line starts the lab, and servers for tests are started as the lab starts its own.
    if module.path.parts[0] == "lab" or module.path.parts[:2] in {("faces", "cli"), ("testing", "servers")}:
        return
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("akeso.lab"):
            yield f"line {node.lineno} imports {node.module}"
        if isinstance(node, ast.alias) and node.name.startswith("akeso.lab"):
            yield f"line {node.lineno} imports {node.name}"


@pytest.fixture(scope="module")
def modules() -> Mapping[str, Module]:
    files = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
    names = [str(path.relative_to(SOURCE)) for path in files]
    assert len(names) > 100
    return {name: Module(name, path.read_text()) for name, path in zip(names, files, strict=True)}


@pytest.mark.parametrize(
    "rule",
    [too_long_a_file, too_long_a_function, named_for_nothing, reads_the_environment, knows_the_lab],
    ids=lambda rule: str(rule.__name__),
)
def test_no_module_breaks_the_rule(rule: Rule, modules: Mapping[str, Module]) -> None:
    broken = [f"{name}: {what}" for name, module in modules.items() for what in rule(module)]
    assert not broken, "\n".join(broken)


def test_no_folder_holds_more_modules_than_a_stranger_looks_through(modules: Mapping[str, Module]) -> None:
    held = Counter(str(module.path.parent) for module in modules.values() if module.path.stem != "__init__")
    assert {folder: count for folder, count in held.items() if count > 25} == {}


def test_most_files_are_short(modules: Mapping[str, Module]) -> None:
    assert statistics.median(module.lines for module in modules.values()) <= 150


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (too_long_a_file, "engine/a.py", "x = 1\n" * 401),
        (too_long_a_function, "engine/a.py", "async def f():\n" + "    x = 1\n" * 40),
        (named_for_nothing, "engine/_utils.py", ""),
        (reads_the_environment, "config/a.py", "import os\nos.environ['A']"),
        (knows_the_lab, "engine/a.py", "from akeso.lab import cli"),
        (knows_the_lab, "faces/api/a.py", "import akeso.lab.cli"),
    ],
)
def test_the_rule_sees_what_breaks_it(rule: Rule, name: str, text: str) -> None:
    assert list(rule(Module(name, text)))
