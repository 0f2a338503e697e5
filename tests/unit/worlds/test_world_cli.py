"""`akeso world` on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.worlds.cli import app
from akeso.worlds.shipped import find_world, shipped

SMALL = """
world: two services
services:
  - {name: web, operations: [{name: GET /, calls: [{to: db}]}]}
  - {name: db, kind: database, product: postgresql, operations: [{name: SELECT one}]}
traffic: [{to: web, rate: 5}]
telling: {senders: [{dialect: otel_traces, options: {share: 1.0}}]}
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return str(file)


def said(*arguments: str) -> str:
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_lists_what_ships_and_what_can_happen() -> None:
    told = json.loads(said("list", "--json"))
    assert set(told["worlds"]) == set(shipped())
    assert "memory_leak" in told["happens"]
    assert "otel_traces" in told["dialects"]


def test_every_world_that_ships_is_read() -> None:
    assert all(find_world(name).estate.services for name in shipped())


def test_shows_who_calls_whom(small: str) -> None:
    assert "postgresql" not in said("show", small)
    assert "web" in said("show", small)


def test_runs_a_world_and_scores_it(small: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    told = json.loads(said("run", small, "--minutes", "0.3", "--warm-up", "0", "--journal", str(journal), "--json"))
    assert told["summary"]["faults"] == 0
    assert told["requests"] > 0
    assert not told["refused"]
    assert journal.exists()


def test_records_a_world(small: str, tmp_path: Path) -> None:
    out = tmp_path / "telemetry.db"
    assert "batches" in said("record", small, "--minutes", "0.3", "--out", str(out))
    assert out.stat().st_size > 0


def test_plays_scenarios(tmp_path: Path) -> None:
    assert "holds alerts/opens_at_once" in said("scenarios", "alerts/opens_at_once")
    own = tmp_path / "own.yaml"
    own.write_text("{title: own, line: none, lasts: 3s, must: [{incident: {}}]}")
    ended = CliRunner().invoke(app, ["scenarios", str(own)])
    assert ended.exit_code == 1
    assert "there is no incident" in ended.output
