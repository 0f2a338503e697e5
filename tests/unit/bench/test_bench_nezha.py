"""`akeso bench rca` on a made-up shop in the layout of Nezha."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.bench.cli import app
from akeso.bench.corpus.known import answers
from akeso.bench.corpus.minutes import cases
from akeso.bench.datasets.nezha import agree, days
from akeso.bench.datasets.nezha_rows import read_spans, service_of
from akeso.domain.telemetry.batches import SpanKind

DAY, POD = "2024-05-01", "cart-5d7f-x2x"
FAULT = datetime(2024, 5, 1, 9, 10, 4, tzinfo=UTC)
SPAN_HEAD = ("TraceID", "SpanID", "ParentID", "PodName", "OperationName", "StartTimeUnixNano", "EndTimeUnixNano")
LINE_HEAD = ("TimeUnixNano", "PodName", "TraceID", "SpanID", "Log")
METRIC_HEAD = ("TimeStamp", "PodName", "CpuUsageRate(%)", "MemoryUsage(Mi)", "MemoryUsageRate(%)")


def write(path: Path, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def minute(folder: Path, name: str, start: datetime, *, broken: bool) -> None:
    """Thirty requests, two seconds apart: the front asks the cart, which writes a line less when it is broken."""
    spans: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    for i in range(30):
        at, trace = int(start.timestamp() + 2 * i) * 10**9, f"{int(start.timestamp()) + i:032x}"
        ids = [f"{int(start.timestamp()) * 100 + 3 * i + j:016x}" for j in range(3)]
        for j, (pod, operation, ms) in enumerate((("front-1-2", "/", 20), ("front-1-2", "GET", 12), (POD, "/keep", 9))):
            above = ids[j - 1] if j else "root"
            spans.append((trace, ids[j], above, pod, operation, at + j * 10**6, at + (j + ms) * 10**6))
        for k, number in enumerate((31, 34) if not broken else (31,)):
            said = json.dumps({"log": f"09:10 INFO c.s.CartImpl#{number} TraceID: {trace} [keep][Step {'AB'[k]}]\n"})
            lines.append((at + (4 + k) * 10**6, POD, trace, ids[2], said))
    write(folder / "trace" / f"{name}_trace.csv", SPAN_HEAD, spans)
    write(folder / "log" / f"{name}_log.csv", LINE_HEAD, lines)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    faulty, well = tmp_path / "rca" / DAY, tmp_path / "well" / DAY
    minute(well, "08_00", FAULT.replace(hour=8, minute=0), broken=False)
    for number in range(3):
        minute(faulty, f"09_{10 + number}", FAULT.replace(minute=9 + number), broken=number > 0)
    rows = [(FAULT.timestamp() + 60 * i, POD, 2.0, 300.0, 15.0) for i in range(-5, 4)]
    write(faulty / "metric" / f"{POD}_metric.csv", METRIC_HEAD, list(rows))
    told = {"inject_time": f"{FAULT:%Y-%m-%d %H:%M:%S}", "inject_pod": POD, "inject_type": "return"}
    (faulty / "fault_list.json").write_text(json.dumps({"09": [told]}))
    (tmp_path / "well" / "root_cause_x.json").write_text(
        json.dumps({"cart": {"return": "c.s.CartImpl#31_c.s.CartImpl#34"}})
    )
    return tmp_path


def test_the_faulty_service_and_the_region_of_its_code_come_first(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rca", "--data", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["cases"], report["top1"], report["inner_top1"]) == (1, 1.0, 1.0)
    [ranking] = json.loads((tmp_path / "out" / "rankings.json").read_text())
    assert ranking["case"] == f"{DAY}#0"
    assert ranking["ranked"][0]["service"] == "cart"
    assert ranking["ranked"][0]["metric"].startswith("c.s.CartImpl#31 [keep]")
    assert report["verdicts"][0]["correct"]


def test_faults_that_are_added_to_calm_minutes_are_found(data: Path) -> None:
    added = [known for known in cases(data) if known.derived]
    assert {known.name.rpartition("/")[2] for known in added} == {"slow network", "stops", "fails"}
    in_cart = [known for known in added if known.name.startswith(f"{DAY}/cart") and "network" not in known.name]
    assert [answer.judged and answer.judged.right for answer in answers(in_cart)] == [True, True]


def test_kinds_of_spans_follow_from_who_is_whose_parent(data: Path) -> None:
    [day] = days(data)
    kinds = {(s.service, s.operation): s.kind for s in read_spans(sorted((day.folder / "trace").glob("*.csv")))}
    assert kinds == {
        ("front", "/"): SpanKind.SERVER,
        ("front", "GET"): SpanKind.CLIENT,
        ("cart", "/keep"): SpanKind.SERVER,
    }


def test_a_region_is_right_when_both_its_ends_are_named() -> None:
    assert agree("a.B#1 [keep][Step A]_a.B#4", "a.B#1_a.B#4")
    assert not agree("a.B#1_a.B#7", "a.B#1_a.B#4")
    assert not agree("a.B#1_a.B#4", "")
    assert service_of(POD) == "cart"
