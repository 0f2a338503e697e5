"""`akeso bench confidence` on made-up sets and a made-up run of the lab."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.bench.cli import app
from akeso.bench.corpus import lab, shop
from akeso.bench.datasets.petshop import scenarios
from akeso.config.settings import load_settings
from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.evolution import evolve
from akeso.domain.incident.incident import Incident
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN
from akeso.offline.casefiles.asked import Asked
from akeso.offline.casefiles.incidents import found_in
from akeso.offline.casefiles.rerun import detecting
from akeso.ports.journal import Draft
from akeso.stages.diagnosis.calibration_file import load_calibration
from akeso.testing.recorded.petshop import write_petshop
from akeso.testing.recorded.recording import sick_shop


def test_probabilities_are_judged_and_a_scale_is_fitted(tmp_path: Path) -> None:
    data, out = write_petshop(tmp_path / "data", calm=160), tmp_path / "out"
    arguments = ["confidence", "--data", str(data), "--out", str(out), "--fit", str(tmp_path / "scale.json"), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output + repr(done.exception)
    report = json.loads(done.stdout)
    assert report["sets"]["petshop"]["right"] == 1.0
    assert report["sets"]["petshop calm"]["right"] == 0.0
    assert report["sets"]["petshop added"]["derived"]
    assert report["cross_validated"]["logistic on all grounds"]["all"]["cases"] == report["cases"]
    lines = json.loads((out / "cases.json").read_text())
    assert len(lines) == sum(told["cases"] for told in report["sets"].values())
    ElementTree.parse(out / "reliability.svg")
    scale = load_calibration(tmp_path / "scale.json")
    assert scale.weights
    assert "bench confidence" in scale.source
    table = CliRunner().invoke(app, arguments[:5]).stdout
    assert "petshop" in table


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["confidence", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, InvalidInput)


def test_an_added_fault_reaches_the_callers_by_their_calls() -> None:
    calls = Topology((Edge("door", "cart"), Edge("door", "search"), Edge("cart", "store"), Edge("search", "store")))
    losses = shop.carried(calls, {"door": 2.0, "cart": 1.0, "search": 3.0, "store": 8.0}, "store")
    assert losses["store"] == 1.0
    assert losses["cart"] == losses["search"] == 2.0  # 8 calls by 4 requests
    assert losses["door"] == 1.0  # 1 cart request for every 2 of the door, each losing 2


def test_a_fault_is_added_to_the_last_steps_alone(tmp_path: Path) -> None:
    [scenario] = scenarios(write_petshop(tmp_path))
    _, sheet = next(scenario.slices(4, 40))
    slow = shop.with_fault(sheet, scenario.topology, shop.Added("search", 100.0, 0.0)).columns
    failing = shop.with_fault(sheet, scenario.topology, shop.Added("search", 0.0, 0.5)).columns
    latency, errors = (SeriesKey("bench", "search", name, unit=u) for name, u in ((RED_MEAN, "ms"), (RED_ERRORS, "1")))
    assert (slow[latency] - sheet.columns[latency])[-4:].round(6).tolist() == [0, 0, 100, 100]
    assert failing[errors][-3:].tolist() == [0, 0.5, 0.5]
    store = SeriesKey("bench", "store", RED_MEAN, unit="ms")
    assert (slow[store] == sheet.columns[store]).all()


async def write_run(folder: Path) -> None:
    """The folder of a lab run with one fault: telemetry, journal and report."""
    table = SeriesTable()
    store = SqliteTelemetryStore(folder / "akeso" / "telemetry.db", table)
    batches = list(sick_shop(table))
    for batch in batches:
        await store.append(batch)
    await store.close()

    async def again() -> Any:
        for batch in batches:
            yield batch

    [found] = await found_in(again(), table, Asked(folder), detecting(load_settings(), Services()))
    first = min(a.detected_at for a in found.anomalies)
    onset = min(a.onset for a in found.anomalies)
    diagnosis = Diagnosis((Hypothesis("cart", "unknown", 0.9),), known=True)
    events: list[tuple[e.Event, timedelta]] = [
        (e.IncidentDetected("default", "cart", "cart", Severity.ERROR, onset, found.anomalies), timedelta(0)),
        (e.DiagnosisMade(diagnosis), timedelta(seconds=4)),
    ]
    journal = await SqlJournal.open(f"sqlite+aiosqlite:///{folder / 'akeso' / 'akeso.db'}")
    state: Incident | None = None
    last = 0
    for event, after in events:
        entry = e.Entry(last + 1, "inc-1", first + after, "test", event)
        state = evolve(state, entry)
        last = (await journal.append(Draft("inc-1", event, "test", entry.at, expected=last, state=state))).sequence
    await journal.close()
    case = {"fault": "slow", "incident": "inc-1", "root_cause": {"expected": "cart"}}
    (folder / "report.json").write_text(json.dumps({"cases": [case, {**case, "incident": None}]}))


async def test_a_recorded_run_gives_its_moments_whole_and_with_less_telemetry(tmp_path: Path) -> None:
    (tmp_path / "akeso").mkdir()
    await write_run(tmp_path)
    found = [known async for known in lab.recorded(tmp_path)]
    whole = [known for known in found if not known.derived]
    assert [known.group for known in whole] == ["lab/slow"]
    assert {key.service for key in whole[0].case.features.keys} >= {"cart", "web"}
    less = {known.name.partition(" without ")[2]: known.case for known in found if known.derived}
    # Only spans show a symptom here: without them nobody would have opened an incident.
    assert set(less) == set(lab.THINNERS) - {"spans"}
    assert all(key.metric.startswith("akeso.") for key in less["gauges"].features.keys)
    assert "cart" not in {key.service for key in less["the service at fault"].features.keys}
    alone = less["anything but one alert"]
    assert (len(alone.features.keys), len(alone.alerts)) == (0, 1)


@pytest.mark.parametrize("text", ["{", json.dumps({"cases": [{"fault": "slow"}]})])
def test_a_report_that_names_no_incidents_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InvalidInput, match="--lab"):
        next(lab.cases(tmp_path))
