"""`akeso bench realism`: simulated telemetry beside recorded: sizes, cadences, latencies, error rates.

A simulated number is ordinary when it lies within what recordings show, or within a factor of two of it.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from akeso.bench.scores.portrait import Portrait, portrait
from akeso.composition.recordings import Recording
from akeso.config.settings import load_settings
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.series import SeriesTable
from akeso.worlds.estate.generator import generate
from akeso.worlds.opening import open_world
from akeso.worlds.recording import recorded
from akeso.worlds.spec import WorldSpec
from akeso.worlds.tellings import TELLINGS
from akeso.worlds.trials import START, SeedSet, seeds

_TIMES = 2.0


def realism(  # noqa: PLR0913, PLR0917 - each is an option of the command
    recording: Annotated[list[str], typer.Option(help="NAME=FILE of recorded telemetry (telemetry.db); repeat it.")],
    out: Annotated[Path, typer.Option(help="Receives realism.json.")],
    told: Annotated[str, typer.Option(help="The way of telling that the recordings have.")] = "otel",
    count: Annotated[int, typer.Option("--worlds", min=1, help="How many worlds are drawn.")] = 3,
    services: Annotated[int, typer.Option(min=5, max=200, help="Services of each.")] = 8,
    minutes: Annotated[float, typer.Option(min=1, help="Minutes of each.")] = 5,
    seed_set: Annotated[SeedSet, typer.Option(help="Seeds to develop with, or to judge by.")] = "development",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """How simulated telemetry compares with what was recorded."""
    if told not in TELLINGS:
        raise InvalidInput("--told", f"{told} is none of {', '.join(TELLINGS)}")
    real = {name: portrait_of(path) for name, path in map(_named, recording)}
    drawn = [_drawn(seed, services, told, minutes) for seed in seeds(seed_set, count)]
    found = {"told": told, "recorded": real, "simulated": drawn, "rows": compared(list(real.values()), drawn)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "realism.json").write_text(json.dumps(found, indent=2) + "\n")
    if as_json:
        print(json.dumps(found))
    else:
        _tell(found, list(real))


def portrait_of(path: Path) -> Portrait:
    """Of a recording. Raises InvalidInput for what is none."""
    table, settings = SeriesTable(), load_settings(None, {})

    async def read() -> Portrait:
        return portrait([batch async for batch in Recording(path).batches(table, settings)], table)

    return asyncio.run(read())


def compared(real: Sequence[Portrait], drawn: Sequence[Portrait]) -> list[dict[str, Any]]:
    """A row for each number that both have: the least and the most of each side, and whether they meet within a factor
    of two."""
    rows = []
    for name in dict.fromkeys(name for each in real for name in each):
        recorded_ones = [each[name] for each in real if name in each]
        simulated = [each[name] for each in drawn if name in each]
        if not simulated:
            continue
        meets = min(simulated) <= max(recorded_ones) * _TIMES and max(simulated) * _TIMES >= min(recorded_ones)
        spans = {"recorded": (min(recorded_ones), max(recorded_ones)), "simulated": (min(simulated), max(simulated))}
        rows.append({"name": name, "meets": meets} | spans)
    return rows


def _named(option: str) -> tuple[str, Path]:
    name, equals, path = option.partition("=")
    if not equals or not Path(path).exists():
        raise InvalidInput("--recording", f"{option} is not NAME=FILE of a file that exists")
    return name, Path(path)


def _drawn(seed: int, services: int, told: str, minutes: float) -> Portrait:
    spec = WorldSpec(f"realism {seed}", generate(seed, services), START, (), TELLINGS[told])
    with TemporaryDirectory() as folder:
        file = Path(folder, "telemetry.db")
        asyncio.run(recorded(open_world(spec, seed), 60 * minutes, file))
        return portrait_of(file)


def _tell(found: Mapping[str, Any], names: Sequence[str]) -> None:
    table = Table("", *names, "simulated", "meets", box=box.SIMPLE_HEAD)
    for row in found["rows"]:
        name = row["name"]
        own = [f"{found['recorded'][each].get(name, float('nan')):.3g}" for each in names]
        low, high = row["simulated"]
        table.add_row(name, *own, f"{low:.3g} – {high:.3g}", "yes" if row["meets"] else "no")
    Console().print(table)
