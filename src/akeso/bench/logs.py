"""`akeso bench logs`: templates of the Loghub systems, by the miner that the feature agent uses and its defaults."""

import csv
import json
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.scores.template_scores import Parsed, TemplateScores, template_scores
from akeso.domain.errors import InvalidInput
from akeso.stages.templates.templates import TemplateMiner, masked

TRUTH = "*_structured_corrected.csv"
LINES = "*_2k.log"
SCORES = tuple(field.name for field in fields(TemplateScores))


@dataclass(frozen=True, slots=True)
class System:
    """Lines of one system; true is None where no truth lies beside them."""

    name: str
    lines: list[str]
    true: Parsed | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a system. learn_s: CPU time of the miner alone; scores: None without truth."""

    system: str
    lines: int
    templates: int
    true_templates: int | None
    learn_s: float
    scores: TemplateScores | None


def logs(
    data: Annotated[Path, typer.Option(help="A folder with a folder for each Loghub system.")],
    out: Annotated[Path, typer.Option(help="Receives <system>.csv.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Log templates: accuracy of groups and texts with one setting for all systems, lines per second of one core."""
    out.mkdir(parents=True, exist_ok=True)
    outcomes = [_measured(system, out) for system in found_systems(data)]
    report = _report(outcomes)
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(outcomes, report))


def found_systems(data: Path) -> Iterator[System]:
    """Systems below a folder in the order of their names. Raises InvalidInput if there is none."""
    folders = sorted(data.iterdir()) if data.is_dir() else []
    systems = [folder for folder in folders if any(folder.glob(TRUTH)) or any(folder.glob(LINES))]
    if not systems:
        raise InvalidInput("--data", f"no Loghub system in {data}: looked for <system>/{TRUTH} and <system>/{LINES}")
    return map(_system, systems)


def mined(lines: Iterable[str]) -> tuple[Parsed, float]:
    """Each line's template as it is known at the end, and the CPU seconds that learning took."""
    miner = TemplateMiner()
    lines = list(lines)
    began = time.process_time()
    numbers = miner.learn_all(lines)
    took = time.process_time() - began
    current = [miner.current(number) for number in numbers]
    events = [number if now is None else now for number, now in zip(numbers, current, strict=True)]
    # A template that was forgotten on the way can only be guessed from its lines.
    texts = [masked(line) if now is None else miner[now].text for line, now in zip(lines, current, strict=True)]
    return Parsed([f"E{event}" for event in events], texts), took


def _system(folder: Path) -> System:
    truth = next(folder.glob(TRUTH), None)
    if truth is None:
        text = next(folder.glob(LINES)).read_text(encoding="utf-8", errors="replace")
        return System(folder.name, text.removesuffix("\n").split("\n"), None)
    with truth.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        true = Parsed([row["EventId"] for row in rows], [row["EventTemplate"] for row in rows])
        return System(folder.name, [row["Content"] for row in rows], true)
    except KeyError as exc:
        raise InvalidInput(str(truth), f"lacks the column {exc}") from exc


def _measured(system: System, out: Path) -> Outcome:
    found, took = mined(system.lines)
    with (out / f"{system.name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("LineId", "EventId", "EventTemplate"))
        writer.writerows(zip(range(1, len(system.lines) + 1), found.events, found.templates, strict=True))
    return Outcome(
        system.name,
        len(system.lines),
        len(set(found.events)),
        len(set(system.true.events)) if system.true else None,
        took,
        template_scores(found, system.true) if system.true else None,
    )


def _report(outcomes: list[Outcome]) -> dict[str, object]:
    scored = [asdict(outcome.scores) for outcome in outcomes if outcome.scores]
    mean = {name: statistics.mean(each[name] for each in scored) for name in SCORES} if scored else None
    systems = {each.system: {**asdict(each), "learn_s": round(each.learn_s, 4)} for each in outcomes}
    lines, seconds = sum(each.lines for each in outcomes), sum(each.learn_s for each in outcomes)
    return {"systems": systems, "mean": mean, "lines_per_s": round(lines / seconds)}


def _table(outcomes: list[Outcome], report: dict[str, object]) -> Table:
    table = Table("system", "lines", "templates", "true", *map(str.upper, SCORES), "lines/s")
    for each in outcomes:
        shares = [f"{share:.3f}" for share in asdict(each.scores).values()] if each.scores else ["-"] * len(SCORES)
        counts = [str(each.lines), str(each.templates), str(each.true_templates or "-")]
        table.add_row(each.system, *counts, *shares, f"{each.lines / each.learn_s:,.0f}")
    mean = report["mean"]
    shares = [f"{share:.3f}" for share in mean.values()] if isinstance(mean, dict) else ["-"] * len(SCORES)
    table.add_row("mean", "", "", "", *shares, f"{report['lines_per_s']:,}")
    return table
