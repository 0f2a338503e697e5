"""`akeso bench fuzz`: every decoder against inputs that a coverage-guided fuzzer (atheris, libFuzzer) makes up."""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import cramjam
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from akeso.domain.errors import Unavailable
from akeso.plugins.discovery import discover
from akeso.testing.requests.item_batches import FORMS
from akeso.testing.requests.valid_requests import examples

MEMORY_MB = 1024
INPUT_BYTES = 4096
SLOW_S = 10


@dataclass(frozen=True, slots=True)
class Campaign:
    """One target. seeds: inputs to begin with."""

    target: str
    seeds: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a campaign. inputs: that were tried; coverage: edges reached; peak_mb: resident;
    crash: the last lines of what went wrong, "" if nothing did; input: the file with the input that did it."""

    target: str
    inputs: int
    coverage: int
    peak_mb: int
    seconds: float
    crash: str = ""
    input: str = ""


def fuzz(
    out: Annotated[Path, typer.Option(help="Receives inputs that broke something, and each target's log.")],
    runs: Annotated[int, typer.Option(min=1, help="Inputs in all, shared out evenly.")] = 2_000_000,
    only: Annotated[str, typer.Option(help="Only targets whose name holds this.")] = "",
    seed: Annotated[int, typer.Option(min=1, help="Of libFuzzer's random numbers.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """No decoder may crash, hang or grow. Exit code 1 if one does."""
    if find_spec("atheris") is None:
        raise Unavailable("the fuzzer needs the extra [fuzz]: pip install 'akeso[fuzz]'")
    chosen = [each for each in campaigns() if only in each.target]
    if not chosen:
        raise typer.BadParameter(f"no target's name holds {only!r}", param_hint="--only")
    out.mkdir(parents=True, exist_ok=True)
    share = -(-runs // len(chosen))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        findings = list(pool.map(lambda each: _run(each, share, seed, out), chosen))
    total = sum(each.inputs for each in findings)
    if as_json:
        print(json.dumps({"inputs": total, "seed": seed, "targets": [asdict(each) for each in findings]}))
    else:
        Console().print(_table(findings), f"{total:,} inputs, {sum(bool(each.crash) for each in findings)} findings")
    if any(each.crash for each in findings):
        raise typer.Exit(1)


def campaigns() -> Iterator[Campaign]:
    """Every source in every media type that it has an example of (JSON where there is none), an item between two good
    ones in every format of many, every puller, every compression."""
    bodies: dict[str, list[bytes]] = {}
    for name, media_type, body in examples():
        bodies.setdefault(f"source:{name}:{media_type}", []).append(body)
    for name in discover("sources").keys() - {target.split(":")[1] for target in bodies}:
        bodies[f"source:{name}:application/json"] = [b"{}"]
    yield from (Campaign(target, tuple(seeds)) for target, seeds in bodies.items())
    for number, form in enumerate(FORMS):
        yield Campaign(f"neighbours:{number}:{form}", (*form.good, *(item for item, _ in form.bad)))
    yield from (Campaign(f"pull:{name}", _ANSWERS) for name in discover("pullers"))
    plain = b"".join(each for seeds in bodies.values() for each in seeds)
    yield Campaign("encoding:gzip", (gzip.compress(plain), gzip.compress(b"") * 3))
    yield Campaign("encoding:deflate", (zlib.compress(plain),))
    yield Campaign("encoding:snappy", (bytes(cramjam.snappy.compress_raw(plain)),))


_ANSWERS = tuple(
    json.dumps(each).encode()
    for each in (
        {
            "status": "success",
            "data": {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1, "2"]]}]},
        },
        {
            "status": "success",
            "data": {"resultType": "streams", "result": [{"stream": {"a": "b"}, "values": [["1", "x"]]}]},
        },
        {"data": [{"parent": "a", "child": "b", "callCount": 1, "traceID": "1", "spans": [], "processes": {}}]},
        [
            {
                "labels": {"service": "a"},
                "startsAt": "2026-03-01T12:00:00Z",
                "fingerprint": "f",
                "status": {"state": "active"},
            }
        ],
    )
)


def _run(campaign: Campaign, runs: int, seed: int, out: Path) -> Finding:
    name = re.sub(r"[^A-Za-z0-9]+", "-", campaign.target)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as corpus:
        for number, body in enumerate(campaign.seeds):
            (Path(corpus) / str(number)).write_bytes(body)
        flags = (
            f"-runs={runs} -seed={seed} -timeout={SLOW_S} -rss_limit_mb={MEMORY_MB} -max_len={INPUT_BYTES} "
            f"-print_final_stats=1 -artifact_prefix={out / name}-"
        )
        command = [sys.executable, "-m", "akeso.bench.fuzz_target", campaign.target, *flags.split(), corpus]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = ended.stdout + ended.stderr
    (out / f"{name}.log").write_text(said)
    return Finding(
        campaign.target,
        _last(r"stat::number_of_executed_units:\s*(\d+)", said),
        _last(r"cov: (\d+)", said),
        _last(r"stat::peak_rss_mb:\s*(\d+)", said),
        round(time.monotonic() - began, 1),
        "\n".join(said.splitlines()[-15:]) if ended.returncode else "",
        next(iter(re.findall(r"Test unit written to (\S+)", said)), ""),
    )


def _last(pattern: str, said: str) -> int:
    return int((re.findall(pattern, said) or ["0"])[-1])


def _table(findings: list[Finding]) -> Table:
    table = Table("target", "inputs", "inputs/s", "coverage", "peak MB", "result")
    for each in findings:
        result = Text(each.crash.splitlines()[-1], "red") if each.crash else Text("nothing found")
        rate = f"{each.inputs / max(each.seconds, 0.1):,.0f}"
        table.add_row(each.target, f"{each.inputs:,}", rate, str(each.coverage), str(each.peak_mb), result)
    return table
