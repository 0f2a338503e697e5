"""`akeso bench logs` on made-up systems."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.domain.errors import InvalidInput

ROWS = [
    ("order 1 placed", "E1", "order <*> placed"),
    ("order 2 placed", "E1", "order <*> placed"),
    ("shop, closed", "E2", "shop, closed"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "Shop"
    folder.mkdir(parents=True)
    with (folder / "Shop_2k.log_structured_corrected.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("LineId", "Level", "Content", "EventId", "EventTemplate"))
        writer.writerows((number, "INFO", *row) for number, row in enumerate(ROWS, 1))
    return folder.parent


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_each_system_is_written_and_scored(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["logs", "--data", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["mean"] == {"ga": 1, "fga": 1, "pa": 1, "fta": 1}
    assert report["systems"]["Shop"]["templates"] == 2
    assert report["lines_per_s"] > 0
    rows = rows_of(tmp_path / "out" / "Shop.csv")
    assert [row["LineId"] for row in rows] == ["1", "2", "3"]
    assert [row["EventTemplate"] for row in rows] == [template for _, _, template in ROWS]
    assert rows[0]["EventId"] == rows[1]["EventId"] != rows[2]["EventId"]


def test_lines_without_a_truth_are_mined_whole(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "Shop"
    folder.mkdir(parents=True)
    (folder / "Shop_2k.log").write_text("12:00:01 order 1 placed\n12:00:02 order 2 placed\n")
    done = CliRunner().invoke(app, ["logs", "--data", str(folder.parent), "--out", str(tmp_path), "--json"])
    assert json.loads(done.stdout)["mean"] is None
    assert len({row["EventTemplate"] for row in rows_of(tmp_path / "Shop.csv")}) == 1


def test_people_get_a_table(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["logs", "--data", str(data), "--out", str(tmp_path)])
    assert "Shop" in done.stdout
    assert "1.000" in done.stdout


def test_unknown_data_says_what_was_looked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["logs", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
    assert "_structured_corrected.csv" in str(done.exception)


def test_a_truth_that_lacks_a_column_is_refused(data: Path, tmp_path: Path) -> None:
    truth = next(data.glob("*/*.csv"))
    truth.write_text("LineId,Content\n1,x\n")
    done = CliRunner().invoke(app, ["logs", "--data", str(data), "--out", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
