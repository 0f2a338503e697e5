"""`akeso bench diagnosis` on a small incident."""

import json
from pathlib import Path

from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.diagnosis import Size, made


def test_a_made_incident_is_diagnosed_and_timed_by_kinds_of_evidence(tmp_path: Path) -> None:
    arguments = ["diagnosis", "--metrics", "200", "--repeats", "1", "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    [told] = json.loads(done.stdout)["sizes"]
    assert told["first"] == "service-2"
    assert told["seconds"] > 0
    assert {"paths", "topology", "network"} <= told["evidence_seconds"].keys()
    assert json.loads((tmp_path / "diagnosis.json").read_text())["sizes"] == [told]


def test_a_case_is_as_large_as_was_asked_for() -> None:
    case = made(Size(100, slots=120, lines=2_000, spans=1_600, templates=40))
    assert case.features.values.shape == (120, 100)
    assert len(case.traces.spans) == 1_600
    assert 1_900 <= len(case.traces.lines) <= 2_000
    assert len(case.logs) == 40
