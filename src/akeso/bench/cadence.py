"""`akeso bench cadence`: the same worlds and faults told every 1 to 60 seconds.

Beside it z-scores over the same features with the loudest service blamed.
"""

from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer

from akeso.bench.scores.lived import hand_over, report
from akeso.worlds.tellings import at_cadence
from akeso.worlds.trials import SeedSet, Trial, faults, seeds, tried

CADENCES_S = (1.0, 5.0, 10.0, 15.0, 30.0, 60.0)
_SERVICES = 12


def cadence(
    out: Annotated[Path, typer.Option(help="Receives cadence.json.")],
    count: Annotated[int, typer.Option("--worlds", min=1, help="How many worlds, each told at every cadence.")] = 4,
    seed_set: Annotated[SeedSet, typer.Option(help="Seeds to develop with, or to judge by.")] = "development",
    minutes: Annotated[float, typer.Option(min=2, help="Minutes that are lived, the first 5 to warm up.")] = 15,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The same faults told more and more rarely."""
    worlds = list(zip(seeds(seed_set, count), cycle(faults()), strict=False))
    trials = [
        Trial(seed, _SERVICES, (fault,), "otel", at_cadence(every), 60 * minutes, every_s=every)
        for every in CADENCES_S
        for seed, fault in worlds
    ]
    results = list(tried(trials, workers))
    found = report(results, {"cadence": lambda each: f"{each.trial.every_s:g} s"})
    hand_over(found, results, out, "cadence", as_json=as_json)
