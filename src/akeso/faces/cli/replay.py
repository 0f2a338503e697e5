"""`akeso replay`: what would today's detectors, diagnosers and policies have made of recorded telemetry?"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.composition.recordings import recording_of
from akeso.composition.replay import ReplayReport, ReplaySystem
from akeso.config.settings import Settings, load_settings
from akeso.faces.cli.up import log_from, put
from akeso.faces.replay_views import decision_view, report_view

_LEVELS = ("debug", "info", "warning", "error")


def replay(  # noqa: PLR0913, PLR0917 - each is an option of the command
    source: Annotated[str, typer.Argument(help="A recording, or a range of one's own: FROM/TO, 30m, 6h, 1d.")],
    config: Annotated[Path | None, typer.Option(help="Settings file (default: ./akeso.toml if it exists).")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder, for ranges.")] = None,
    services: Annotated[Path | None, typer.Option(help="services.yaml")] = None,
    override: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, may be repeated.")] = None,
    warm_up: Annotated[float, typer.Option(help="Seconds before a range that only teach what is normal.")] = 600.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for replay.json and decisions.jsonl.")] = None,
) -> None:
    """Run recorded telemetry through today's Akeso at full speed. Nothing is done; what would be is told."""
    given = {"data": data, "services": services}
    overrides: dict[str, Any] = {name: str(value) for name, value in given.items() if value is not None}
    for text in override or []:
        put(overrides, text)
    settings = load_settings(config, overrides)
    log_from(max(settings.log_level.lower(), "warning", key=_LEVELS.index))
    report = asyncio.run(_replayed(settings, source, timedelta(seconds=warm_up)))
    found = report_view(report)
    if out is not None:
        _write(out, found, report)
    if as_json:
        print(json.dumps(found))
    else:
        _tell(Console(), found)


async def _replayed(settings: Settings, source: str, warm_up: timedelta) -> ReplayReport:
    recording = recording_of(source, settings, datetime.now(UTC), warm_up)
    replaying = await ReplaySystem.open(settings, recording.reported_from)
    try:
        return await replaying.run(recording.batches(replaying.ingest_table, settings))
    finally:
        await replaying.close()


def _write(out: Path, found: dict[str, Any], report: ReplayReport) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "replay.json").write_text(json.dumps(found, indent=2) + "\n")
    with (out / "decisions.jsonl").open("w") as file:
        file.writelines(json.dumps(decision_view(decision)) + "\n" for decision in report.decisions)


def _tell(console: Console, found: dict[str, Any]) -> None:
    table = Table("detected", "service", "cause", "would be done", "verdict", "came to", box=box.SIMPLE_HEAD)
    for i in found["incidents"]:
        known = i["confidence"] is not None and i["known"]
        cause = f"{i['fault_class']} {i['confidence']:.0%}" if known else "unknown"
        steps = [f"{s['action']} {s['target']}" for s in i["would_do"]]
        verdicts = [_verdict(s) for s in i["would_do"]]
        came = i["status"].lower().replace("_", " ")
        row = (_clock(i["detected_at"]), i["service"], cause, "\n".join(steps) or "-", "\n".join(verdicts) or "-", came)
        table.add_row(*map(escape, row))
    console.print(table if found["incidents"] else "No incidents.")
    console.print(
        f"{found['recorded_s']:,.0f} s of telemetry ({found['batches']:,} batches, {found['points']:,} points, "
        f"{found['slots']:,} slots, {found['anomalies_raised']:,} anomalies) in {found['wall_s']:.1f} s "
        f"({found['cpu_s']:.1f} s of processor): "
        f"[bold]{found['speed']:.0f} × real time[/bold]",
        highlight=False,
    )


def _verdict(step: dict[str, Any]) -> str:
    said = str(step["verdict"] or step["status"])
    return f"{said}, at {_clock(step['would_act_at'])[6:]}" if step["would_act_at"] else said


def _clock(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%m-%d %H:%M:%S")
