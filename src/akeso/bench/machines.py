"""`akeso bench machines`: server machines that send unnamed gauges, through detection and its alert budget as shipped.

Nothing is known of a machine but its numbers. An alarm is what a person would be told of: the first part of the past
only teaches, and what goes on is one alarm. Beside it the plain baseline: the loudest z-score against a trailing day,
with as many alarms as its own budget allows.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from akeso.bench.datasets.smd import Machine
from akeso.bench.datasets.smd import machines as read_machines
from akeso.composition.detection import make_detectors
from akeso.config.settings import Settings, load_settings
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.detection.alert_budget import AlertBudget
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.detection.votes import stated
from akeso.stages.features.metric_meanings import signal_of

START = 1_900_000_800 * NANOSECONDS
_DAY_ROWS, _HOUR_ROWS = 1440, 60
_LOUD, _LEAST_SPREAD = 6.0, 1e-3
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """alarms: how many there were; inside: those that began in an event; met: events during which one stood."""

    machine: str
    days: float
    events: int
    alarms: int
    inside: int
    met: int


def machines(
    data: Annotated[Path, typer.Option(help="A folder with <name>_train.csv.gz, _test.csv.gz, _events.json.")],
    out: Annotated[Path, typer.Option(help="Receives machines.json.")],
    rows: Annotated[int, typer.Option(min=0, help="Rows judged of each machine; 0: all.")] = 0,
    learnt: Annotated[int, typer.Option(min=60, help="Rows before them that teach, the last of the past.")] = 20_160,
    merge: Annotated[int, typer.Option(min=0, help="Rows of quiet after which an alarm is over.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Alarms of server machines that send unnamed gauges, against the events that people labelled."""
    settings = load_settings(None, {})
    ways: dict[str, list[Found]] = {"told": [], "noted": [], "z-scores": []}
    began = perf_counter()
    for machine in read_machines(data):
        part = cut(machine, rows, learnt)
        told, noted = lived(part, settings, merge)
        for way, alarms in (("told", told), ("noted", noted), ("z-scores", by_z_scores(part, merge, settings))):
            ways[way].append(judged(part, alarms))
    found = report(ways) | {"rows_learnt": learnt, "wall_s": round(perf_counter() - began, 1)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "machines.json").write_text(json.dumps(found, indent=2) + "\n")
    if as_json:
        print(json.dumps(found))
    else:
        _tell(found)


def cut(machine: Machine, rows: int, learnt: int) -> Machine:
    """The last `learnt` rows of the past and the first `rows` (0: all) that are judged, with the events in them."""
    begin = max(machine.first - learnt, 0)
    end = machine.first + (rows or len(machine.values))
    events = tuple((start, stop) for start, stop in machine.events if machine.first + stop < end)
    return replace(machine, values=machine.values[begin:end], first=machine.first - begin, events=events)


def lived(machine: Machine, settings: Settings, merge: int) -> tuple[Spans, Spans]:
    """What a person would have been told, and every anomaly that was noted, as (first, last) rows that are judged."""
    table = SeriesTable(SeriesKey(settings.tenant, machine.name, name) for name in machine.metrics)
    detectors, facts = make_detectors(settings, Services(), table), FactsTable(table)
    loop = DetectionLoop(detectors, facts, perf_counter, settings.decision)
    budget = AlertBudget(Services(), settings.budget, stated=stated(detectors))
    noted: list[int] = []
    step = round(machine.step_s * NANOSECONDS)
    for row, frame in enumerate(frames(machine, table)):
        decision = loop.step(frame).decision
        if row >= machine.first:
            budget.admit(decision, facts.services)
            noted += [row - machine.first] * bool(decision.raised)
    begin = START + step * machine.first
    alarms = [((a.at - begin) // step, (a.until - begin) // step) for a in budget.alarms if a.notified]
    return alarms, together(noted, merge)


def frames(machine: Machine, table: SeriesTable) -> Iterator[FeatureFrame]:
    """A row a frame."""
    step = round(machine.step_s * NANOSECONDS)
    signals = np.array([signal_of(key) for key in table.keys], np.uint8)
    for row, values in enumerate(machine.values):
        yield FeatureFrame(START + row * step, step, values, signals)


def by_z_scores(machine: Machine, merge: int, settings: Settings) -> Spans:
    """The baseline: rows in which a metric is beyond `_LOUD` deviations of the day before; of what is then an alarm the
    loudest, as many as the budget of one service allows in that time."""
    loudness = np.zeros(len(machine.values))
    for begin in range(machine.first, len(machine.values), _HOUR_ROWS):
        past, now = machine.values[max(begin - _DAY_ROWS, 0) : begin], machine.values[begin : begin + _HOUR_ROWS]
        far = np.abs(now - past.mean(axis=0)) / np.maximum(past.std(axis=0), _LEAST_SPREAD)
        loudness[begin : begin + _HOUR_ROWS] = far.max(axis=1)
    judged_part = loudness[machine.first :]
    alarms = together(np.flatnonzero(judged_part >= _LOUD).tolist(), merge)
    allowed = round(settings.budget.per_week * machine.days / 7)
    return sorted(sorted(alarms, key=lambda span: -judged_part[span[0] : span[1] + 1].max())[:allowed])


def together(rows: Sequence[int], merge: int) -> Spans:
    """Rows in order as (first, last) of those that are at most `merge` apart."""
    spans: list[tuple[int, int]] = []
    for row in rows:
        if spans and row - spans[-1][1] <= merge:
            spans[-1] = (spans[-1][0], row)
        else:
            spans.append((row, row))
    return spans


def judged(machine: Machine, alarms: Spans) -> Found:
    """How alarms fit the labelled events."""
    inside = sum(any(start <= at <= end for start, end in machine.events) for at, _ in alarms)
    met = sum(any(at <= end and until >= start for at, until in alarms) for start, end in machine.events)
    return Found(machine.name, machine.days, len(machine.events), len(alarms), inside, met)


def report(ways: dict[str, list[Found]]) -> dict[str, Any]:
    """What `machines.json` holds, by the way alarms were made."""
    return {way: _totals(found) | {"machines": [asdict(each) for each in found]} for way, found in ways.items()}


def _totals(found: Sequence[Found]) -> dict[str, float]:
    alarms, days = sum(f.alarms for f in found), sum(f.days for f in found)
    return {
        "alarms_a_day": round(alarms / days, 3),
        "events_met": round(sum(f.met for f in found) / max(sum(f.events for f in found), 1), 3),
        "in_an_event": round(sum(f.inside for f in found) / max(alarms, 1), 3),
    }


def _tell(found: dict[str, Any]) -> None:
    table = Table("alarms", "a machine and day", "events met", "in an event", box=box.SIMPLE_HEAD)
    for way in ("told", "noted", "z-scores"):
        totals = found[way]
        told = (totals["alarms_a_day"], totals["events_met"], totals["in_an_event"])
        table.add_row(way, *(f"{number:.2f}" for number in told))
    Console().print(table)
