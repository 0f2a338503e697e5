"""`akeso bench calm`: how many alarms a made day of calm telemetry leads to, against the alert budgets.

The day is made, not recorded: features of recordings in which nothing was wrong (`akeso lab day`) are cut into short
blocks, and blocks are drawn at random whose traffic fits the hour of the day. Within a block everything is as it was
recorded, across series and from slot to slot; noise that is slower than a block is missing, what was rare in the
recordings comes as often as they are repeated, and levels that only grow (memory) begin anew with every block.
"""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from akeso.composition.detection import make_detectors
from akeso.composition.files import read_services
from akeso.composition.recordings import Recording
from akeso.config.settings import Settings, load_settings
from akeso.domain.detection.alarm import Alarm
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, Codes, FeatureFrame, Floats
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_RATE, Signal
from akeso.stages.detection.alert_budget import AlertBudget
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.detection.votes import stated
from akeso.stages.features.features import FeatureBuilder
from akeso.stages.features.metric_meanings import signal_of

START = 1_900_000_800 * NANOSECONDS
# As many different slots as detectors remember, if a third of the recordings holds as many: fewer, repeated, would
# teach them a spread that is too small.
NEAREST, REMEMBERED = 4, 240
TAUGHT = 600  # slots before the day that only teach
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """Recorded features. blocks: float64[length, n] each; traffic: float64[blocks], calls a second of all services."""

    table: SeriesTable
    signals: Codes
    blocks: tuple[Matrix, ...]
    traffic: Floats
    slots: int


@dataclass(frozen=True, slots=True)
class Day:
    """What came of a made day. raised: symptoms that were decided on; alarms: as the budget counted them."""

    slots: int
    raised: int
    alarms: tuple[Alarm, ...]
    hard: int
    took_s: float


def calm(  # noqa: PLR0913, PLR0917 - each is an option of the command
    data: Annotated[list[Path], typer.Option(help="A calm recording (telemetry.db); may be repeated.")],
    out: Annotated[Path, typer.Option(help="Receives calm.json.")],
    hours: Annotated[float, typer.Option(min=0.01, help="Hours to make.")] = 24.0,
    block: Annotated[int, typer.Option(min=5, help="Slots of a block.")] = 20,
    skip: Annotated[int, typer.Option(min=0, help="Slots at the start of a recording that are left out.")] = 60,
    length: Annotated[int, typer.Option(min=5, help="Slots after that.")] = 86_400,
    services: Annotated[Path | None, typer.Option(help="services.yaml")] = None,
    seed: Annotated[int, typer.Option(help="What blocks are drawn by.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Alarms of a made day of calm telemetry, against the alert budgets."""
    settings = load_settings(None, {"services": str(services)} if services else {})
    stock = asyncio.run(recorded(data, settings, block, slice(skip, skip + length)))
    day = live(stock, settings, round(hours * 3600), seed)
    found = report(day, stock, settings, hours)
    out.mkdir(parents=True, exist_ok=True)
    (out / "calm.json").write_text(json.dumps(found, indent=2) + "\n")
    if as_json:
        print(json.dumps(found))
    else:
        _tell(found)


async def recorded(files: Sequence[Path], settings: Settings, block: int, part: slice) -> Stock:
    """The features of a part (in slots) of each recording, cut into blocks. Raises InvalidInput for one that is shorter
    than a block."""
    table, blocks, slots = SeriesTable(), [], 0
    for file in files:
        ingest = SeriesTable()
        builder, frames = FeatureBuilder(ingest, table, settings.features), []
        async for batch in Recording(file).batches(ingest, settings):
            frames += [closed.frame for closed in builder.close_until(batch.received_at)]
            builder.add(batch)
        frames = frames[part]
        if len(frames) < block:
            raise InvalidInput(str(file), f"holds {len(frames)} slots in {part.start}:{part.stop}; a block has {block}")
        slots += len(frames)
        blocks += [_stacked(frames[at : at + block], len(table)) for at in range(0, len(frames) - block + 1, block)]
    signals = np.array([signal_of(key) for key in table.keys], np.uint8)
    whole = tuple(_padded(each, len(table)) for each in blocks)
    calls = [row for row, key in enumerate(table.keys) if key.metric == RED_RATE and not key.attributes]
    traffic = np.array([np.nansum(each[:, calls]) / block for each in whole])
    return Stock(table, signals, _levelled(whole, signals), traffic, slots)


def made(stock: Stock, slots: int, seed: int) -> Iterator[FeatureFrame]:
    """The frames of a day, and of `TAUGHT` slots before it: least traffic at the start, most in the middle, as far as
    the recordings reach. Of the blocks that fit the hour none comes again before all others came."""
    random, at, played = np.random.default_rng(seed), 0, np.zeros(len(stock.blocks), np.int64)
    low, high = float(stock.traffic.min()), float(stock.traffic.max())
    nearest = min(math.ceil(REMEMBERED / len(stock.blocks[0])), max(len(stock.blocks) // 3, NEAREST))
    while at < slots + TAUGHT:
        share = 0.5 - 0.5 * math.cos(2 * math.pi * (at - TAUGHT) / 86_400)
        near = np.argsort(np.abs(stock.traffic - (low + (high - low) * share)))[:nearest]
        chosen = int(random.choice(near[played[near] == played[near].min()]))
        played[chosen] = played[near].max() + (played[near].max() == played[chosen])
        for values in stock.blocks[chosen][: slots + TAUGHT - at]:
            at += 1
            yield FeatureFrame(START + at * NANOSECONDS, NANOSECONDS, values, stock.signals)


def live(stock: Stock, settings: Settings, slots: int, seed: int) -> Day:
    """Score, decide, learn and budget every slot as the agents do, with the settings' defaults."""
    services = read_services(settings)
    detectors = make_detectors(settings, services, stock.table)
    facts = FactsTable(stock.table)
    loop = DetectionLoop(detectors, facts, perf_counter, settings.decision)
    budget = AlertBudget(services, settings.budget, stated=stated(detectors))
    raised = hard = 0
    alarms: dict[tuple[str, str, int], Alarm] = {}
    began = perf_counter()
    for frame in made(stock, slots, seed):
        judgement = loop.step(frame)
        if frame.end <= START + TAUGHT * NANOSECONDS:
            continue
        symptoms = [anomaly for anomaly in judgement.decision.raised if anomaly.signal in SYMPTOMS]
        raised += len(symptoms)
        hard += sum(not budget.stated.isdisjoint(anomaly.detectors) for anomaly in symptoms)
        budget.admit(judgement.decision, facts.services)
        if symptoms:
            alarms |= {(alarm.tenant, alarm.service, alarm.at): alarm for alarm in budget.alarms}
    return Day(slots, raised, tuple(alarms.values()), hard, perf_counter() - began)


def report(day: Day, stock: Stock, settings: Settings, hours: float) -> dict[str, Any]:
    """What `calm.json` holds. allowed: the false alarms that the budgets allow in this time."""
    services = sorted({key.service for key in stock.table.keys})
    budget = AlertBudget(read_services(settings), settings.budget)
    allowed = {service: budget.budget(service) * hours / 168 for service in services}
    notified = Counter(alarm.service for alarm in day.alarms if alarm.notified)
    withheld = Counter(alarm.service for alarm in day.alarms if not alarm.notified)
    loudest = {s: max((a.score for a in day.alarms if a.service == s), default=0.0) for s in services}
    return {
        "made_hours": hours,
        "recorded_slots": stock.slots,
        "blocks": len(stock.blocks),
        "series": len(stock.table),
        "symptoms_raised": day.raised,
        "by_a_rule": day.hard,
        "alarms_notified": sum(notified.values()),
        "alarms_withheld": sum(withheld.values()),
        "allowed": sum(allowed.values()),
        "allowed_a_week": {service: budget.budget(service) for service in services},
        "services": {
            s: {"notified": notified[s], "withheld": withheld[s], "loudest": round(loudest[s], 2)} for s in services
        },
        "wall_s": round(day.took_s, 1),
    }


def _stacked(frames: Sequence[FeatureFrame], series: int) -> Matrix:
    return np.stack([_padded(frame.values[None, :], series)[0] for frame in frames])


def _padded(values: Matrix, series: int) -> Matrix:
    return np.pad(values, ((0, 0), (0, series - values.shape[1])), constant_values=np.nan)


def _levelled(blocks: Sequence[Matrix], signals: Codes) -> tuple[Matrix, ...]:
    # What only grows would jump where two blocks meet: each begins at the usual level and grows from there.
    rows = np.flatnonzero(signals == Signal.MEMORY)
    usual = np.nanmedian(np.concatenate([each[:, rows] for each in blocks]), axis=0)
    levelled = []
    for each in blocks:
        changed = each.copy()
        changed[:, rows] += usual - each[0, rows]
        levelled.append(changed)
    return tuple(levelled)


def _tell(found: dict[str, Any]) -> None:
    table = Table("service", "a week", "notified", "withheld", "loudest", box=box.SIMPLE_HEAD)
    for name, service in found["services"].items():
        allowed = f"{found['allowed_a_week'][name]:g}"
        table.add_row(name, allowed, str(service["notified"]), str(service["withheld"]), f"{service['loudest']:.2f}")
    Console().print(table)
    slots, series = f"{found['recorded_slots']:,} recorded slots", f"{found['series']:,} series"
    told = f"{found['symptoms_raised']} symptoms, {found['alarms_notified']} alarms notified"
    held = f"{found['alarms_withheld']} held back; {found['allowed']:.1f} are allowed in this time"
    Console().print(f"{found['made_hours']:g} made hours of {slots}, {series}: {told}, {held}.", highlight=False)
