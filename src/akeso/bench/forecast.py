"""`akeso bench forecast`: the published design's linear regression and the ensemble on the same series."""

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.baselines.linear_forecast import LinearForecaster, LinearOptions
from akeso.bench.datasets.forecast_series import Workload, made_workloads, recorded_workloads
from akeso.bench.scores.forecast_scores import SCORED, Foreseen, foreseen, pinball
from akeso.domain.telemetry.batches import Floats
from akeso.stages.forecast.ensemble import EnsembleForecaster, EnsembleOptions
from akeso.stages.forecast.forecast import Forecast, Forecaster, breach_probability, horizons_within

REACH = timedelta(minutes=30)
SURE = (0.5, 0.75, 0.9)
FORECASTERS = ("linear", "ensemble")
NOTHING = Foreseen(0, 0, 0, 0, ())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a forecaster did on a workload. loss: mean pinball loss in units of the mean error of holding the last
    value, averaged over series; coverage: share of values between the .1 and .9 quantiles; breaches: by the
    probability at which an alarm was given."""

    kind: str
    forecaster: str
    series: int
    loss: float
    coverage: float
    breaches: dict[float, Foreseen]


def forecast(
    data: Annotated[
        Path | None, typer.Option(help="A folder of CSV files timestamp,value; besides made series.")
    ] = None,
    series: Annotated[int, typer.Option(min=0, help="Made series of each kind; 0 for none.")] = 20,
    days: Annotated[int, typer.Option(min=2, help="Length of the made series; the first day is not scored.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the made series.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Forecasts up to 30 minutes ahead: pinball loss, coverage of the 80 % interval, breaches foreseen, time a call."""
    made = made_workloads(np.random.default_rng(seed), series, days) if series else iter(())
    recorded = recorded_workloads(data, REACH) if data else iter(())
    outcomes = [*_with_total("made", made), *_with_total("recorded", recorded)]
    speed = {name: milliseconds_a_call(name, 10_000) for name in FORECASTERS}
    if as_json:
        print(json.dumps({"kinds": [_plain(each) for each in outcomes], "ms_a_call_10k_series": speed}))
        return
    console = Console()
    console.print(_table(outcomes))
    for name, took in speed.items():
        console.print(f"{name}: {took:.1f} ms to learn a step of 10,000 series and forecast them")


def pooled(kind: str, outcomes: Sequence[Outcome]) -> Outcome:
    """Several outcomes of one forecaster as one: means over series, sums of breaches."""
    series = sum(each.series for each in outcomes)
    return Outcome(
        kind,
        outcomes[0].forecaster,
        series,
        sum(each.loss * each.series for each in outcomes) / series,
        sum(each.coverage * each.series for each in outcomes) / series,
        {sure: sum((each.breaches[sure] for each in outcomes), NOTHING) for sure in SURE},
    )


def measured(work: Workload) -> Iterator[Outcome]:
    """Both forecasters on one workload."""
    for name in FORECASTERS:
        yield _run(work, name)


def forecaster(name: str, step: timedelta) -> Forecaster:
    """With defaults, but for what follows from the length of a step."""
    if name == "linear":
        return LinearForecaster(LinearOptions(horizons=horizons_within(REACH, step)))
    return EnsembleForecaster(EnsembleOptions.of(step, REACH))


def milliseconds_a_call(name: str, series: int) -> float:
    """Median CPU time of learning a step and forecasting from it."""
    rng, subject, took = np.random.default_rng(0), forecaster(name, timedelta(minutes=1)), []
    for step in range(60):
        values = rng.normal(100.0, 5.0, series)
        began = time.process_time()
        subject.update(step, values)
        subject.forecast()
        took.append(time.process_time() - began)
    return 1000.0 * statistics.median(took[-20:])


def _with_total(kind: str, works: Iterator[Workload]) -> Iterator[Outcome]:
    outcomes = [each for work in works for each in measured(work)]
    yield from outcomes
    for name in FORECASTERS if outcomes else ():
        yield pooled(f"all {kind}", [each for each in outcomes if each.forecaster == name])


def _run(work: Workload, name: str) -> Outcome:
    subject, (length, series) = forecaster(name, work.step), work.values.shape
    reach = horizons_within(REACH, work.step)[-1]
    losses, scales, inside = [], [], []
    alarms = np.zeros((len(SURE), length, series), dtype=bool)
    for step in range(length - reach):
        subject.update(step, work.values[step])
        if step < work.warm_up:
            continue
        said = subject.forecast()
        truth = work.values[step + np.array(said.horizons)]
        losses.append(_loss(said, truth))
        scales.append(np.abs(truth - work.values[step]).mean(axis=0))
        low, high = said.at(SCORED[0]), said.at(SCORED[-1])
        inside.append(np.where(np.isfinite(truth + low), (truth >= low) & (truth <= high), np.nan))
        alarms[:, step] = breach_probability(said, work.bounds) >= np.array(SURE)[:, None]
    scored, minutes = (work.values[work.warm_up :], work.bounds), work.step / timedelta(minutes=1)
    return Outcome(
        work.kind,
        name,
        series,
        _relative(np.array(losses), np.array(scales)),
        float(np.nanmean(np.array(inside))),
        {sure: foreseen(*scored, alarms[row, work.warm_up :], reach, minutes) for row, sure in enumerate(SURE)},
    )


def _loss(said: Forecast, truth: Floats) -> Floats:
    losses: Floats = np.mean([pinball(level, said.at(level), truth) for level in SCORED], axis=(0, 1))
    return losses


def _relative(losses: Floats, scales: Floats) -> float:
    both = np.isfinite(losses) & np.isfinite(scales)
    loss, scale = (np.where(both, each, 0.0).sum(axis=0) for each in (losses, scales))
    moving = scale > 0
    return float((loss[moving] / scale[moving]).mean()) if moving.any() else 0.0


def _plain(outcome: Outcome) -> dict[str, object]:
    breaches = {str(sure): _counts(found) for sure, found in outcome.breaches.items()}
    return {
        "kind": outcome.kind,
        "forecaster": outcome.forecaster,
        "series": outcome.series,
        "pinball": outcome.loss,
        "coverage_80": outcome.coverage,
        "breaches": breaches,
    }


def _counts(found: Foreseen) -> dict[str, float | None]:
    shares = {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    return {"breaches": found.breaches, "alarm_steps": found.alarms, **shares, "lead_minutes": found.lead}


def _table(outcomes: list[Outcome]) -> Table:
    heads = [f"{word} {sure}" for sure in SURE for word in ("prec", "rec", "F1", "lead")]
    table = Table("series", "n", "forecaster", "pinball", "cover", "breaches", *heads)
    for each in outcomes:
        cells = [cell for sure in SURE for cell in _cells(each.breaches[sure])]
        counts = f"{each.loss:.3f}", f"{each.coverage:.2f}", str(each.breaches[SURE[0]].breaches)
        table.add_row(each.kind, str(each.series), each.forecaster, *counts, *cells)
    return table


def _cells(found: Foreseen) -> list[str]:
    lead = "-" if found.lead is None else f"{found.lead:.0f}"
    return [f"{found.precision:.2f}", f"{found.recall:.2f}", f"{found.f1:.2f}", lead]
