"""`akeso learn`: what Akeso's own incidents teach. Works on the journal itself, with Akeso running or not."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.composition.parts import open_journal
from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import InvalidInput, NotFound
from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url
from akeso.stages.diagnosis.calibrate import Judged, cross_validated, recalibrate
from akeso.stages.diagnosis.calibration_file import load_calibration, shipped, written
from akeso.stages.diagnosis.confidence import Calibration
from akeso.stages.diagnosis.reliability import Said, brier, calibration_error, log_loss, reliability, selective_accuracy
from akeso.stages.healing.hindsight import BY_PEOPLE, hindsight

app = typer.Typer(no_args_is_help=True, help="What Akeso's own incidents teach.")
app.callback()(lambda: None)

LEAST_CASES, LEAST_EITHER = 30, 3
FOLDS = 10


@app.command()
def calibrate(
    data: Annotated[Path | None, typer.Option(help="Akeso's data folder (default: as the settings say).")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (default: ./akeso.toml if it exists).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the scale goes (default: calibration.json in the data).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit the confidence to your own incidents: what people said of diagnoses, and what healed."""
    settings = load_settings(config, {"data": str(data)} if data else {})
    cases = asyncio.run(_judged(settings))
    refuse_too_few(cases)
    before = load_calibration(settings.calibration) if settings.calibration else shipped()
    said = [(before.probability(case.grounds), case.right) for case in cases]
    validated = cross_validated(cases, lambda rest: _speaker(recalibrate(before, rest)), FOLDS)
    after = [(p, case.right) for case, p in validated]
    path = (out or settings.data / "calibration.json").resolve()
    better = (log_loss(after) or 0.0) <= (log_loss(said) or 0.0)
    report = {"cases": len(cases), "by_people": sum(c.set == BY_PEOPLE for c in cases), "before": scores(said),
              "after": scores(after), "written": str(path) if better else None}  # fmt: skip
    if better:
        source = f"akeso learn calibrate: {len(cases)} incidents"
        scale = recalibrate(before, cases)
        named = Calibration(scale.intercept, scale.weights, scale.floor, scale.ceiling, scale.version, source)
        path.write_text(written(named, {"cases": len(cases), "cross_validated": report["after"]}), encoding="utf-8")
    if as_json:
        print(json.dumps(report))
    else:
        _tell(Console(), report, after)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="Receives the lines.")] = Path("feedback_dataset.jsonl"),
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Write people's words on diagnoses as JSON lines: prompt, diagnosis, human_rating."""
    text = Client(url, key, data).text("/api/v1/feedback/dataset")
    out.write_text(text, encoding="utf-8")
    print(f"{text.count(chr(10))} lines: {out}")


def refuse_too_few(cases: Sequence[Judged]) -> None:
    """Raises InvalidInput when so few cases can only mislead."""
    right = sum(case.right for case in cases)
    if len(cases) < LEAST_CASES or min(right, len(cases) - right) < LEAST_EITHER:
        raise InvalidInput(
            "incidents",
            f"of {len(cases)} it is known whether the diagnosis was right ({right} right, {len(cases) - right} wrong);"
            f" at least {LEAST_CASES} are needed, {LEAST_EITHER} of either kind. Tell what it was:"
            " POST /api/v1/incidents/ID/feedback, or let actions heal",
        )


def scores(said: Said) -> dict[str, Any]:
    """Error, Brier score, log loss and selective accuracy."""
    return {
        "calibration_error": calibration_error(said),
        "brier": brier(said),
        "log_loss": log_loss(said),
        "selective_accuracy": dict(selective_accuracy(said)),
    }


def _speaker(scale: Calibration) -> Any:
    return lambda case: scale.probability(case.grounds)


async def _judged(settings: Settings) -> list[Judged]:
    if not settings.journal and not settings.journal_file.exists():
        raise NotFound(f"there is no journal at {settings.journal_file}")
    journal = await open_journal(settings)
    try:
        by_incident: dict[str, list[Any]] = {}
        async for entry in journal.all_entries():
            if entry.incident:
                by_incident.setdefault(entry.incident, []).append(entry)
    finally:
        await journal.close()
    return [case for entries in by_incident.values() if (case := hindsight(entries)) is not None]


def _tell(console: Console, report: dict[str, Any], after: Said) -> None:
    people, cases = report["by_people"], report["cases"]
    console.print(f"{cases} incidents whose cause is known: {people} by people's words, {cases - people} by outcomes.")
    table = Table("", "calibration error", "Brier", "log loss", "right at 50 / 70 / 90 / 100 %")
    for name in ("before", "after"):
        told = report[name]
        surest = " / ".join(f"{share:.0%}" for share in told["selective_accuracy"].values())
        table.add_row(name, str(told["calibration_error"]), str(told["brier"]), str(told["log_loss"]), surest)
    console.print(table)
    bins = Table("said", "cases", "mean said", "came true", caption="after, each case by a fit to the other groups")
    for b in reliability(after):
        bins.add_row(f"{b.low:.1f}–{b.high:.1f}", str(b.cases), f"{b.said:.2f}", f"{b.came:.2f}")
    console.print(bins)
    if report["written"]:
        console.print(f'Written: {escape(report["written"])}. To use it: calibration = "{escape(report["written"])}"'
                      " in akeso.toml, then restart.", soft_wrap=True)  # fmt: skip
    else:
        console.print("The scale in use is no worse than a new one would be: nothing was written.")
