"""`akeso bench realism`: a recording's portrait, and the comparison."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.realism import compared, portrait_of
from akeso.domain.errors import InvalidInput


def request(second: int) -> str:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "pay"}}]}
    when = str(1_900_000_000_000_000_000 + second * 10**9)
    metric = {"name": "temperature", "gauge": {"dataPoints": [{"timeUnixNano": when, "asDouble": 1.0}]}}
    return json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "lines.json"
    file.write_text("\n".join(request(15 * number) for number in range(8)))
    return file


def test_a_portrait_tells_cadence_and_size(recording: Path) -> None:
    found = portrait_of(recording)
    assert found["seconds between points, median"] == pytest.approx(15)
    assert found["series a service, median"] == 1
    assert "server spans, median ms" not in found


def test_what_is_within_a_factor_of_two_meets() -> None:
    rows = {row["name"]: row["meets"] for row in compared([{"a": 10.0, "b": 10.0}], [{"a": 19.0, "b": 30.0}])}
    assert rows == {"a": True, "b": False}


def test_a_simulated_world_stands_beside_a_recording(recording: Path, tmp_path: Path) -> None:
    said = ["realism", "--recording", f"pay={recording}", "--out", str(tmp_path / "out"), "--told", "otel_metrics"]
    done = CliRunner().invoke(app, [*said, "--worlds", "1", "--services", "5", "--minutes", "2", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert "seconds between points, median" in [row["name"] for row in report["rows"]]
    assert json.loads((tmp_path / "out" / "realism.json").read_text()) == report


def test_a_recording_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["realism", "--recording", "pay=nowhere.db", "--out", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
