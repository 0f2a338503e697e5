"""`akeso bench machines` on made-up machines."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.datasets.smd import machines
from akeso.bench.machines import by_z_scores, cut, judged, together
from akeso.config.settings import load_settings
from akeso.domain.errors import InvalidInput

ROWS = 400
HEAD = "m0,m1,m2"


def table(path: Path, values: NDArray[np.float64], head: str = HEAD) -> None:
    with gzip.open(path, "wt") as file:
        file.write(head + "\n")
        np.savetxt(file, values, delimiter=",", fmt="%.5f")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    calm, later = (random.normal(0.5, 0.01, (ROWS, 3)) for _ in range(2))
    later[200:220, :2] = 0.9
    table(tmp_path / "one_train.csv.gz", calm)
    table(tmp_path / "one_test.csv.gz", later)
    events = {"step_seconds": 60, "events": [{"start": 198, "end": 221, "series": ["m0", "m1"]}]}
    (tmp_path / "one_events.json").write_text(json.dumps(events))
    return tmp_path


def test_a_machine_is_read_with_what_was_before_and_its_events(data: Path) -> None:
    (machine,) = machines(data)
    assert (machine.name, machine.metrics, machine.first) == ("one", ("m0", "m1", "m2"), ROWS)
    assert machine.events == ((198, 221),)
    assert machine.days == pytest.approx(ROWS / 1440)


def test_other_columns_are_refused(data: Path) -> None:
    table(data / "one_test.csv.gz", np.zeros((3, 3)), "m0,m1,m9")
    with pytest.raises(InvalidInput, match="other columns"):
        list(machines(data))


def test_a_folder_without_machines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no machine"):
        list(machines(tmp_path))


def test_the_baseline_finds_the_event_and_nothing_else(data: Path) -> None:
    (machine,) = machines(data)
    found = judged(machine, by_z_scores(machine, 10, load_settings(None, {"budget.per_week": "1000"})))
    assert (found.alarms, found.inside, found.met) == (1, 1, 1)


def test_the_part_that_is_cut_out_keeps_its_events_in_place(data: Path) -> None:
    (machine,) = machines(data)
    part = cut(machine, rows=210, learnt=100)
    assert (part.first, len(part.values), part.events) == (100, 310, ())
    assert cut(machine, rows=300, learnt=100).events == machine.events


def test_alarms_that_follow_each_other_are_one() -> None:
    assert together([3, 4, 9, 40], merge=10) == [(3, 9), (40, 40)]


def test_what_shipped_detection_tells_and_notes_is_scored_beside_the_baseline(data: Path, tmp_path: Path) -> None:
    arguments = ["machines", "--data", str(data), "--out", str(tmp_path / "out"), "--learnt", "300", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert set(report) >= {"told", "noted", "z-scores"}
    assert report["noted"]["events_met"] == 1.0
    assert json.loads((tmp_path / "out" / "machines.json").read_text()) == report
