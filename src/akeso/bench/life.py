"""`akeso bench life`: simulated worlds in which only ordinary things happen. Whatever opens or is done is one too many.

Beside it z-scores over the same features.
"""

from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import typer

from akeso.bench.scores.lived import hand_over, report
from akeso.worlds.tellings import TELLINGS
from akeso.worlds.trials import SeedSet, Trial, ordinary, seeds, tried

_SERVICES = 12
_EVENTS = 3


def life(  # noqa: PLR0913, PLR0917 - each is an option of the command
    out: Annotated[Path, typer.Option(help="Receives life.json.")],
    count: Annotated[int, typer.Option("--worlds", min=1, help="How many worlds.")] = 6,
    seed_set: Annotated[SeedSet, typer.Option(help="Seeds to develop with, or to judge by.")] = "development",
    told: Annotated[str, typer.Option(help="One way of telling; all in turn without.")] = "",
    minutes: Annotated[float, typer.Option(min=2, help="Minutes that are lived, the first 5 to warm up.")] = 30,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ordinary life: incidents and effects that nothing was the reason for."""
    kinds, tellings = cycle(ordinary()), cycle([told] if told else TELLINGS)
    trials = [
        Trial(seed, _SERVICES, tuple(islice(kinds, _EVENTS)), way, TELLINGS[way], 60 * minutes)
        for seed, way in zip(seeds(seed_set, count), tellings, strict=False)
    ]
    results = list(tried(trials, workers))
    found = report(results, {"told": lambda each: each.trial.told})
    hand_over(found, results, out, "life", as_json=as_json)
