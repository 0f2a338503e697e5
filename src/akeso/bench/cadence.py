"""`akeso bench cadence`: one fault told every 1 to 300 seconds in four ways, and calm hours told the same way.

Three services of which the middle one gets ten times slower, with a busy processor and a memory that makes one step.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from akeso.bench.cadences.calm import CalmFound
from akeso.bench.cadences.calm import calm as live_calmly
from akeso.bench.cadences.trial import Cell, Found, Way, attempt

EVERY_S = (1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0)
A = TypeVar("A")
B = TypeVar("B")


def cadence(  # noqa: PLR0913, PLR0917 - each is an option of the command
    out: Annotated[Path, typer.Option(help="Receives cadence.json.")],
    every: Annotated[
        list[float] | None, typer.Option(help="Seconds from value to value; all seven without it.")
    ] = None,
    way: Annotated[list[Way] | None, typer.Option(help="How the shop is told; all four without it.")] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Faults in each cell.")] = 2,
    calm_hours: Annotated[float, typer.Option(min=0, help="Calm virtual hours in each cell.")] = 24.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The same fault, and the same calm, told more and more rarely."""
    places = [(told, pace) for told in way or list(Way) for pace in every or EVERY_S]
    cells = [Cell(told, pace, seed) for told, pace in places for seed in range(1, seeds + 1)]
    found = list(_each(attempt, cells, workers))
    quiet = [Cell(told, pace, 0) for told, pace in places] if calm_hours else []
    calm = list(_each(partial(live_calmly, hours=calm_hours), quiet, workers))
    summaries = [_summary(*_of(*place, found, calm)) for place in places]
    report = {"all": _summary(found, calm), "cells": summaries}
    out.mkdir(parents=True, exist_ok=True)
    runs = {"runs": [_run(each) for each in found], "calm": [asdict(each) for each in calm]}
    (out / "cadence.json").write_text(json.dumps({**report, **runs}, indent=1) + "\n")
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(summaries))


def _each(work: Callable[[A], B], given: Sequence[A], workers: int) -> Iterator[B]:
    if workers <= 1:
        yield from map(work, given)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, given)


def _of(
    way: Way, every_s: float, found: Sequence[Found], calm: Sequence[CalmFound]
) -> tuple[Sequence[Found], Sequence[CalmFound]]:
    there = [each for each in found if (each.cell.way, each.cell.every_s) == (way, every_s)]
    return there, [each for each in calm if (each.cell.way, each.cell.every_s) == (way, every_s)]


def _summary(found: Sequence[Found], calm: Sequence[CalmFound]) -> dict[str, Any]:
    told = [each.cell for each in found] + [each.cell for each in calm]
    cells = {(cell.way.value, cell.every_s) for cell in told}
    way, every_s = next(iter(cells)) if len(cells) == 1 else ("", 0.0)
    delays = [each.delay_s for each in found if each.delay_s is not None]
    return {
        "way": way,
        "every_s": every_s,
        "faults": len(found),
        "noticed": len(delays),
        "longest_delay_s": round(max(delays), 1) if delays else None,
        "bound_s": found[0].cell.bound_s if found and way else None,
        "in_time": sum(each.in_time for each in found),
        "cause_first": sum(each.first for each in found),
        "called_a_leak": sum(each.leak for each in found),
        "before_the_fault": sum(each.before for each in found),
        "calm_hours": sum(each.hours for each in calm),
        "calm_raised": sum(each.raised for each in calm),
        "calm_notified": sum(each.notified for each in calm),
    }


def _run(found: Found) -> dict[str, Any]:
    return {**asdict(found), "in_time": found.in_time, "right": found.right}


def _table(cells: Sequence[dict[str, Any]]) -> Table:
    columns = [name for name in cells[0] if name != "noticed"] if cells else []
    table = Table(*(name.replace("_", " ") for name in columns), box=box.SIMPLE_HEAD)
    for cell in cells:
        table.add_row(*("-" if cell[name] is None else f"{cell[name]}" for name in columns))
    return table
