"""`akeso bench footprint`: what Akeso costs to have: start, memory, disk."""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated

import httpx
import typer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rich.console import Console
from rich.table import Table

import akeso
from akeso.bench.load.process import RunningAkeso, running_akeso

SERIES = 1000
SECONDS = 30
RUNS = 5
LIMITS = {"start_s": 2.0, "help_s": 0.4, "resident_mb": 300.0, "install_mb": 160.0}


def footprint(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    seconds: Annotated[int, typer.Option(min=5, help="How long 1,000 series are fed.")] = SECONDS,
) -> None:
    """Start to ready, `--help`, resident memory at 1,000 series, size of the core install."""
    with tempfile.TemporaryDirectory(prefix="akeso-footprint-") as folder:
        start_s, resident = _measure(Path(folder), seconds)
    packages, bytecode = install_bytes("akeso")
    figures = {
        "start_s": round(start_s, 2),
        "help_s": round(_help_seconds(), 3),
        "resident_mb": round(resident / 2**20, 1),
        "install_mb": round(packages / 2**20, 1),
        "bytecode_mb": round(bytecode / 2**20, 1),
    }
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("what", "measured", "limit")
    for name, value in figures.items():
        table.add_row(name, f"{value:g}", f"{LIMITS[name]:g}" if name in LIMITS else "-")
    Console().print(table)


def install_bytes(root: str) -> tuple[int, int]:
    """Bytes on disk of a distribution and all it needs without extras: (what its packages hold, the bytecode that the
    installer or Python made of it)."""
    seen: set[str] = set()
    waiting = [root]
    files = {p for p in Path(akeso.__file__).parent.rglob("*") if p.is_file()}
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # needed on another platform only
        files |= {Path(str(file.locate())) for file in found.files or ()}
        waiting += [re.split(r"[\s;<>=!~\[(]", need)[0] for need in found.requires or () if _core(need)]
    sizes = [(p.suffix == ".pyc", p.stat().st_size) for p in files if p.is_file()]
    return sum(size for made, size in sizes if not made), sum(size for made, size in sizes if made)


def _core(requirement: str) -> bool:
    return "extra ==" not in requirement.replace("'", '"')


def _help_seconds() -> float:
    def once() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "akeso", "--help"], check=True, capture_output=True)
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(RUNS))


def _measure(folder: Path, seconds: int) -> tuple[float, int]:
    starts = []
    for run in range(RUNS - 1):
        with running_akeso(folder / str(run)) as started:
            starts.append(started.start_s)
    with running_akeso(folder / "last") as started:
        starts.append(started.start_s)
        _feed(started, seconds)
        return statistics.median(starts), started.resident_bytes()


def _feed(started: RunningAkeso, seconds: int) -> None:
    with httpx.Client(base_url=started.url, headers={"x-api-key": started.sender_key}, trust_env=False) as http:
        for second in range(seconds):
            due = time.monotonic() + 1
            body = _request(second).SerializeToString()
            answer = http.post("/v1/metrics", content=body, headers={"content-type": "application/x-protobuf"})
            answer.raise_for_status()
            time.sleep(max(0.0, due - time.monotonic()))


def _request(second: int) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for service in range(SERIES // 50):
        resource = request.resource_metrics.add()
        name = resource.resource.attributes.add()
        name.key, name.value.string_value = "service.name", f"service-{service}"
        scope = resource.scope_metrics.add()
        for number in range(50):
            metric = scope.metrics.add(name=f"gauge.{number}", unit="1")
            point = metric.gauge.data_points.add(time_unix_nano=time.time_ns())
            point.as_double = float((second * 7 + number) % 13)
    return request
