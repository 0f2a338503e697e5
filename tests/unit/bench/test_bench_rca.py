"""`akeso bench rca` on a made-up shop in the layout of PetShop."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.datasets.petshop import STEP_S, read_sheet, scenarios
from akeso.bench.scores.rca_scores import brier, calibration_error
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_RATE
from akeso.testing.recorded.petshop import write_petshop


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_petshop(tmp_path / "data")


def test_the_faulty_node_comes_first_and_calm_stays_without_a_cause(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rca", "--data", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["cases"], report["top1"], report["top3"], report["specificity"]) == (1, 1.0, 1.0, 1.0)
    [ranking] = json.loads((tmp_path / "out" / "rankings.json").read_text())
    assert ranking["case"] == "quiet/train/issue_0"
    assert ranking["ranked"][0]["service"] == "search"
    assert ranking["ranked"][0]["metric"] == "latency"
    assert ranking["ranked"][0]["confidence"] == max(place["confidence"] for place in ranking["ranked"])


def test_people_get_a_table_of_cases(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rca", "--data", str(data), "--out", str(tmp_path)])
    assert "issue_0" in done.stdout
    assert "specificity" in done.stdout


def test_a_folder_without_cases_is_an_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rca", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
    assert "target.json" in str(done.exception)


def test_a_sheet_is_read_in_units_of_spans(data: Path) -> None:
    columns = read_sheet(data / "quiet" / "train" / "issue_0" / "metrics.csv").columns
    by_name = {(key.service, key.metric): values for key, values in columns.items()}
    assert by_name["search", RED_MEAN][2] == pytest.approx(80, abs=5)
    assert by_name["search", RED_ERRORS][0] == 0.0
    assert by_name["search", RED_RATE][0] == pytest.approx(500 / STEP_S, abs=0.1)


def test_a_sheet_without_its_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("time,value\n1,2\n")
    with pytest.raises(InvalidInput, match="header"):
        read_sheet(tmp_path / "metrics.csv")


def test_a_case_sees_the_fault_the_steps_before_it_and_the_normal_data(data: Path) -> None:
    [scenario] = scenarios(data)
    case, truth = scenario.case(data / "quiet" / "train" / "issue_0")
    assert truth == "search"
    assert (case.features.times > case.onset).sum() == 2
    assert len(case.features.times) == 90 + 4
    assert [edge.callee for edge in case.topology.callees("door")] == ["cart", "search"]
    assert SeriesKey("bench", "store", RED_MEAN, unit="ms") in case.features.keys


def test_what_comes_true_as_often_as_said_is_honest() -> None:
    honest = [(0.75, True)] * 3 + [(0.75, False)]
    assert calibration_error(honest) == 0.0
    assert calibration_error([(1.0, False)]) == 1.0
    assert brier([(1.0, True), (0.5, False)]) == 0.125
    assert brier([]) is None
    assert calibration_error([]) is None
