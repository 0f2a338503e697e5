"""`akeso diagnose` on recordings: telemetry databases, tables with a call graph, and what is none of them."""

import asyncio
import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.faces import cli
from akeso.offline.casefiles.asked import parse_range
from akeso.testing.recorded.recording import BEGAN, sick_shop

STEP_S, STEPS, SICK_FROM = 60, 70, 64
CALLS = {"door": ("cart", "search"), "cart": ("store",), "search": ("store",)}
VOTERS = ("adaptive_threshold", "ewma", "iqr", "robust_z", "z_score")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.build("diagnose"), ["diagnose", *arguments])


def told(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output + repr(done.exception)
    return json.loads(done.stdout)["incidents"]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A telemetry database in which `cart` gets sick 50 s after its beginning."""

    async def record() -> None:
        table = SeriesTable()
        store = SqliteTelemetryStore(tmp_path / "telemetry.db", table)
        for batch in sick_shop(table):
            await store.append(batch)
        await store.close()

    asyncio.run(record())
    return tmp_path


def table_of(folder: Path, rows: Sequence[Sequence[object]], *, graph: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    if graph:
        with (folder / "graph.csv").open("w", newline="") as file:
            calls = [(caller, callee) for caller, callees in CALLS.items() for callee in callees]
            csv.writer(file).writerows([("caller", "callee"), *calls])
    return folder


def sick_rows() -> list[list[object]]:
    """Wide: `search` takes 80 ms longer from SICK_FROM on, and `door` with it."""
    random = np.random.default_rng(3)
    usual = {"door": 100.0, "cart": 30.0, "search": 20.0, "store": 4.0}
    slower = {"door": 60.0, "search": 80.0}
    rows: list[list[object]] = [["timestamp", *(f"{s}/{m}" for s in usual for m in ("latency", "requests"))]]
    for step in range(STEPS):
        cells: list[object] = [1_900_000_000 + step * STEP_S]
        for service, ms in usual.items():
            worse = slower.get(service, 0.0) if step >= SICK_FROM else 0.0
            cells += [round(ms * random.normal(1, 0.03) + worse, 3), round(random.normal(20, 1), 3)]
        rows.append(cells)
    return rows


def test_the_incident_in_a_telemetry_database_is_found_and_explained(recording: Path) -> None:
    [incident] = told("--from", str(recording))
    assert incident["hypotheses"][0]["service"] == "cart"
    assert incident["known"]
    assert incident["hypotheses"][0]["evidence"]


def test_a_named_time_is_looked_at_whatever_detectors_say(recording: Path) -> None:
    start = BEGAN // NANOSECONDS + 50
    [incident] = told("--data", str(recording), "--range", f"{start}/{start + 8}")
    assert incident["hypotheses"][0]["service"] == "cart"
    [calm] = told("--data", str(recording), "--range", f"{start - 20}/{start - 10}")
    assert not calm["known"]
    assert calm["suggested_checks"]


def test_pictures_and_numbers_are_written(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("--from", str(recording / "telemetry.db"), "--out", str(out)).exit_code == 0
    assert json.loads((out / "diagnosis.json").read_text())["incidents"]
    for picture in ("incident-1-causes.svg", "incident-1-evidence.svg"):
        text = "".join(ElementTree.parse(out / picture).getroot().itertext())
        assert "cart" in text


def test_a_table_with_a_graph_gives_the_callee_and_not_its_caller(tmp_path: Path) -> None:
    folder = table_of(tmp_path / "t", sick_rows())
    [found] = told("--from", str(folder))
    assert found["hypotheses"][0]["service"] == "search"
    start = 1_900_000_000 + SICK_FROM * STEP_S
    [named] = told("--from", str(folder / "metrics.csv"), "--range", f"{start}/{start + 5 * STEP_S}")
    assert named["hypotheses"][0]["service"] == "search"


def test_a_long_table_says_the_same(tmp_path: Path) -> None:
    header, *rows = sick_rows()
    cells = [
        (row[0], *str(title).split("/"), value)
        for row in rows
        for title, value in zip(header[1:], row[1:], strict=True)
    ]
    folder = table_of(tmp_path / "t", [("timestamp", "service", "metric", "value"), *cells])
    [found] = told("--from", str(folder))
    assert found["hypotheses"][0]["service"] == "search"


@pytest.mark.parametrize(
    "settings",
    [
        "[votes]\n"
        + "\n".join(f'{name} = "none"' for name in ("adaptive_threshold", "ewma", "iqr", "robust_z", "z_score")),
        "[decision]\nthreshold = 20.0\nsurprise = 1000.0",
        "[detectors.ewma]\nno_such_option = 1",
    ],
    ids=["votes", "decision", "detectors"],
)
def test_it_detects_as_the_settings_say(tmp_path: Path, settings: str) -> None:
    folder = table_of(tmp_path / "t", sick_rows())
    (tmp_path / "akeso.toml").write_text(settings)
    done = run("--from", str(folder), "--config", str(tmp_path / "akeso.toml"))
    assert done.exit_code != 0
    assert isinstance(done.exception, InvalidInput)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([("time", "a/latency"), (1, 2)], "timestamp"),
        ([("timestamp", "latency"), (1, 2), (2, 2)], "column latency"),
        ([("timestamp", "a/latency"), (1, "fast"), (2, 2)], "row 2: a/latency"),
        ([("timestamp", "a/latency"), ("soon", 1), (2, 2)], "row 2: timestamp"),
        ([("timestamp", "a/latency"), (1, 2, 3), (2, 2)], "row 2"),
        ([("timestamp", "a/latency"), (1, 2)], "two steps"),
    ],
)
def test_a_wrong_table_is_refused_by_row_and_column(
    tmp_path: Path, rows: Sequence[Sequence[object]], named: str
) -> None:
    done = run("--from", str(table_of(tmp_path / "t", rows, graph=False)))
    assert isinstance(done.exception, InvalidInput)
    assert named in str(done.exception)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert isinstance(run("--from", str(tmp_path)).exception, NotFound)
    assert isinstance(run("--from", str(tmp_path / "no")).exception, NotFound)
    assert "--range" in str(run().exception)


def test_calm_telemetry_asks_for_a_time(tmp_path: Path) -> None:
    calm = [row[:1] + [round(float(str(v)), 1) for v in row[1:]] for row in sick_rows()[1:SICK_FROM]]
    done = run("--from", str(table_of(tmp_path / "t", [sick_rows()[0], *calm])))
    assert isinstance(done.exception, InvalidInput)
    assert done.exception.field == "--range"


def test_a_range_is_read_in_every_form() -> None:
    at = int(NOW.timestamp()) * NANOSECONDS
    assert parse_range("-15m/now", NOW).start == at - 900 * NANOSECONDS
    assert parse_range("2029-12-31T23:59:00Z/2030-01-01T00:00:00", NOW).end == at
    assert parse_range(f"{at // NANOSECONDS - 5}/now", NOW).start == at - 5 * NANOSECONDS
    for wrong in ("yesterday", "now/now", "now/-5m", "a/b"):
        with pytest.raises(InvalidInput, match="--range"):
            parse_range(wrong, NOW)
