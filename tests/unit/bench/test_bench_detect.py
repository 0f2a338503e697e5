"""`akeso bench detect` on a made-up corpus."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.nab.corpus import Series, read_corpus
from akeso.bench.nab.replay import replayed
from akeso.domain.errors import InvalidInput

START = datetime.fromisoformat("2020-01-01")
ROWS = 300


def write(path: Path, values: list[float], step: timedelta) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("timestamp", "value"))
        writer.writerows((START + step * row, value) for row, value in enumerate(values))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "nab"
    random = np.random.default_rng(0)
    values = random.normal(10, 1, ROWS)
    values[200] = 50.0
    write(folder / "data" / "real" / "disk.csv", values.tolist(), timedelta(minutes=5))
    write(folder / "data" / "real" / "net.csv", random.normal(5, 1, ROWS).tolist(), timedelta(minutes=5))
    write(folder / "data" / "calm" / "flat.csv", [1.0] * 100, timedelta(hours=1))
    window = [str(START + timedelta(minutes=5 * row)) + ".000000" for row in (195, 210)]
    (folder / "labels").mkdir()
    labels = {"real/disk.csv": [window], "real/net.csv": [], "calm/flat.csv": [], "real/elsewhere.csv": [window]}
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    return folder


def test_a_spike_is_found_and_told_in_the_agreed_form(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["detect", "--data", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["series"] == 3
    assert report["nab"]["standard"]["score"] > 90
    assert report["categories"]["real"]["anomalies"] == 1
    assert report["categories"]["calm"]["standard"] is None
    with (tmp_path / "out" / "real" / "akeso_disk.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["timestamp", "value", "anomaly_score", "label"]
    assert len(rows) == ROWS
    assert rows[200]["timestamp"] == str(START + timedelta(minutes=1000))
    assert [row["label"] for row in rows[194:212]] == ["0"] + ["1"] * 16 + ["0"]
    found = [float(row["anomaly_score"]) for row in rows]
    assert int(np.argmax(found)) == 200
    assert all(0 <= score <= 1 for score in found)


def test_people_get_a_table(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["detect", "--data", str(data), "--out", str(tmp_path / "out")])
    assert "VUS-PR" in done.stdout
    assert "real" in done.stdout


def test_a_score_depends_on_rows_up_to_its_own_alone(data: Path) -> None:
    corpus = read_corpus(data)
    whole = replayed(corpus)
    half = [_cut(series, len(series.values) // 2) for series in corpus]
    for early, late in zip(replayed(half), whole, strict=True):
        np.testing.assert_array_equal(early, late[: len(early)])


def test_other_series_do_not_matter(data: Path) -> None:
    corpus = read_corpus(data)
    np.testing.assert_array_equal(replayed(corpus[1:2])[0], replayed(corpus)[1])


def test_times_that_repeat_or_turn_back_lose_no_row(data: Path) -> None:
    disk = read_corpus(data)[1]
    times = disk.times.copy()
    times[50:53] = times[50]
    times[100] = times[90]
    odd = Series(disk.category, disk.file, disk.stamps, disk.texts, times, disk.values, disk.windows)
    assert replayed([odd])[0][200] > 0.5


def test_unknown_data_says_what_was_looked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["detect", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
    assert "data/<category>/<file>.csv" in str(done.exception)


def test_a_broken_file_is_refused(data: Path) -> None:
    (data / "data" / "real" / "bad.csv").write_text("timestamp,value\nyesterday,1\n")
    with pytest.raises(InvalidInput, match="yesterday"):
        read_corpus(data)


def test_without_labels_scores_are_written_all_the_same(data: Path, tmp_path: Path) -> None:
    (data / "labels" / "combined_windows.json").unlink()
    done = CliRunner().invoke(app, ["detect", "--data", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert json.loads(done.stdout)["nab"] is None
    assert (tmp_path / "out" / "calm" / "akeso_flat.csv").is_file()


def _cut(series: Series, rows: int) -> Series:
    return Series(
        series.category,
        series.file,
        series.stamps[:rows],
        series.texts[:rows],
        series.times[:rows],
        series.values[:rows],
        None,
    )
