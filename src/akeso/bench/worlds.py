"""`akeso bench worlds`: simulated worlds with a fault each, by kind of fault and way of telling.

Beside it z-scores over the same features with the loudest service blamed.
"""

from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer

from akeso.bench.scores.lived import hand_over, report
from akeso.worlds.tellings import TELLINGS
from akeso.worlds.trials import SeedSet, Trial, faults, seeds, tried

_SIZES = (8, 12, 20)


def worlds(  # noqa: PLR0913, PLR0917 - each is an option of the command
    out: Annotated[Path, typer.Option(help="Receives worlds.json.")],
    count: Annotated[int, typer.Option("--worlds", min=1, help="How many worlds.")] = 12,
    seed_set: Annotated[SeedSet, typer.Option(help="Seeds to develop with, or to judge by.")] = "development",
    told: Annotated[str, typer.Option(help="One way of telling; all in turn without.")] = "",
    kind: Annotated[str, typer.Option(help="One kind of fault; all in turn without.")] = "",
    minutes: Annotated[float, typer.Option(min=2, help="Minutes that are lived, the first 5 to warm up.")] = 15,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Faults in simulated worlds: noticed, named, classed, and what was done."""
    tellings = cycle([told] if told else TELLINGS)
    kinds, sizes = cycle([kind] if kind else faults()), cycle(_SIZES)
    trials = [
        Trial(seed, size, (fault,), way, TELLINGS[way], 60 * minutes)
        for seed, size, fault, way in zip(seeds(seed_set, count), sizes, kinds, tellings, strict=False)
    ]
    results = list(tried(trials, workers))
    found = report(results, {"told": lambda each: each.trial.told, "kind": lambda each: each.trial.happens[0]})
    hand_over(found, results, out, "worlds", as_json=as_json)
