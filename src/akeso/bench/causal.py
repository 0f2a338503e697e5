"""`akeso bench causal`: time and accuracy of the causal engine on made-up truth."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.corpus.causal_trials import Figure, attributions, changes, effects, graphs, tails


def causal(
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions of the slowest part; others do more.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Causal graphs, effects, attribution, onsets and tails; beside causal-learn where that is installed."""
    figures = [figure for part in (graphs, effects, attributions, changes, tails) for figure in part(rounds, seed)]
    if as_json:
        print(json.dumps({"seed": seed, "rounds": rounds, "figures": [asdict(each) for each in figures]}))
    else:
        Console().print(_table(figures))


def _table(figures: list[Figure]) -> Table:
    table = Table("part", "case", "by", "figures", "CPU ms")
    for each in figures:
        said = ", ".join(f"{name} {value:.3g}" for name, value in each.figures.items())
        table.add_row(each.part, each.case, each.by, said, "-" if each.ms is None else f"{each.ms:.3g}")
    return table
