"""`akeso bench causal`, made small."""

import json

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.corpus import causal_trials
from akeso.causal.discovery import discover


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal_trials, "SIZES", ((10, 2.0),))
    monkeypatch.setattr(causal_trials, "TRACED", (10,))
    monkeypatch.setattr(causal_trials, "finders", lambda: {"akeso": discover})


def test_every_part_is_measured_and_sound() -> None:
    done = CliRunner().invoke(app, ["causal", "--rounds", "1", "--json"])
    assert done.exit_code == 0, done.output
    figures = {(each["part"], each["case"], each["by"]): each["figures"] for each in json.loads(done.stdout)["figures"]}
    assert {part for part, _, _ in figures} == {"graph", "effect", "attribution", "onset", "tail"}
    assert figures["graph", "10 variables, degree 2", "akeso"]["skeleton_f1"] > 0.85
    assert figures["effect", "300 rows", "regression"]["coverage"] > 0.85
    assert figures["attribution", "10 variables", "true graph"]["top1"] >= 0.9
    assert figures["onset", "100 series of 720", "rank sums"]["found"] > 0.95


def test_people_get_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("effects", "attributions", "changes"):
        monkeypatch.setattr(f"akeso.bench.causal.{part}", lambda *_: iter(()))
    done = CliRunner().invoke(app, ["causal", "--rounds", "1"])
    assert done.exit_code == 0, done.output
    assert "graph" in done.stdout
    assert "pareto" in done.stdout
