"""The command line itself: its commands, settings on it, and errors as one line."""

import importlib
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from akeso import __version__
from akeso.domain.errors import InvalidSettings, NotFound
from akeso.faces import cli
from akeso.faces.cli.up import put

# What starts the lab needs its extra; before a landing it is installed (tests/extras).
LAB = ("demo", "lab")
NAMES = [name for name in cli.COMMANDS if name not in LAB or find_spec("aiohttp")]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there_and_helps(name: str) -> None:
    module, attribute, text = cli.COMMANDS[name]
    target = getattr(importlib.import_module(module), attribute)
    assert isinstance(target, typer.Typer) or callable(target)
    helped = CliRunner().invoke(cli.build(name), [name, "--help"])
    assert helped.exit_code == 0
    listed = CliRunner().invoke(cli.build(None), ["--help"])
    assert text.split(":")[0].split(" (")[0][:30] in " ".join(listed.output.split())


def test_the_help_loads_nothing_heavy() -> None:
    code = "import sys; from akeso.faces import cli; cli.build(None); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {
        "numpy",
        "fastapi",
        "sqlalchemy",
        "pydantic",
        "akeso.composition.system",
        "akeso.config.settings",
    } & set(loaded)


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(cli.build(None), ["--version"])
    assert told.output.strip() == __version__


@pytest.mark.parametrize("arguments", [["fly"], ["show"], ["approve"], ["up", "--nonsense"], ["keys", "fly"]])
def test_what_is_no_command_ends_with_code_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["akeso", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2


def test_an_error_of_akeso_is_one_line_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()

    @app.callback()
    def root() -> None: ...

    @app.command()
    def show() -> None:
        raise NotFound("there is no incident x")

    def build(wanted: str | None) -> typer.Typer:
        assert wanted == "show"
        return app

    monkeypatch.setattr(cli, "build", build)
    monkeypatch.setattr(sys, "argv", ["akeso", "show"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "akeso: there is no incident x\n"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("trust=auto", {"trust": "auto"}),
        ("dry_run=false", {"dry_run": False}),
        ("port=80", {"port": 80}),
        ("a.b.c=0.5", {"a": {"b": {"c": 0.5}}}),
        ('name="5"', {"name": "5"}),
        ("url=http://x/?a=b", {"url": "http://x/?a=b"}),
        ("list=[1, 2]", {"list": [1, 2]}),
        ("empty=", {"empty": ""}),
        ("sneaky=1\nport=2", {"sneaky": "1\nport=2"}),
    ],
)
def test_a_setting_on_the_command_line_is_read_as_toml_or_as_text(text: str, tree: dict[str, Any]) -> None:
    given: dict[str, Any] = {}
    put(given, text)
    assert given == tree


def test_settings_on_the_command_line_are_merged() -> None:
    given: dict[str, Any] = {"port": "1"}
    for text in ("a.b=1", "a.c=2", "port=2"):
        put(given, text)
    assert given == {"a": {"b": 1, "c": 2}, "port": 2}


@pytest.mark.parametrize("text", ["trust", "port.low=1"])
def test_a_setting_without_a_value_or_a_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="--set"):
        put({"port": "1"}, text)
