"""`akeso telemetry`: ask a running Akeso about what it stored, and export it."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.composition.recordings import Recording, length_of, recording_of
from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import InvalidSettings
from akeso.domain.telemetry.series import SeriesTable
from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url

app = typer.Typer(no_args_is_help=True, help="Ask about stored telemetry, and export it.")
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _PATIENCE_S = 40, 60.0


class What(StrEnum):
    METRICS = "metrics"
    LOGS = "logs"
    SPANS = "spans"


@app.command()
def query(  # noqa: PLR0913, PLR0917 - each is an option of the command
    what: Annotated[What, typer.Argument(help="metrics, logs or spans")],
    service: str = "",
    metric: Annotated[str, typer.Option(help="metrics: its name.")] = "",
    match: Annotated[
        list[str] | None, typer.Option(help="metrics: attribute=value, !=, =~ or !~; may be repeated.")
    ] = None,
    quantile: Annotated[float | None, typer.Option(help="metrics: of histograms, e.g. 0.95.")] = None,
    step: Annotated[float | None, typer.Option(help="metrics: seconds.")] = None,
    severity: Annotated[int, typer.Option(help="logs: the least, e.g. 17 for errors.")] = 0,
    text: Annotated[str, typer.Option(help="logs: what they hold.")] = "",
    operation: Annotated[str, typer.Option(help="spans: its name.")] = "",
    peer: Annotated[str, typer.Option(help="spans: of calls to it.")] = "",
    last: Annotated[str, typer.Option(help="How far back: 30m, 6h, 1d.")] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Metrics as series in steps, log records as templates, spans as rates, errors and durations."""
    end = datetime.now(UTC)
    asked: dict[str, Any] = {"service": service, "start": (end - length_of(last)).isoformat(), "end": end.isoformat()}
    match what:
        case What.METRICS:
            asked |= {"metric": metric, "match": match or [], "quantile": quantile, "step": step}
        case What.LOGS:
            asked |= {"severity": severity, "text": text}
        case What.SPANS:
            asked |= {"operation": operation, "peer": peer}
    given = {name: value for name, value in asked.items() if value is not None and value not in ("", [])}
    found = Client(url, key, data, timeout_s=_PATIENCE_S).get(f"/api/v1/telemetry/{what}", **given)
    if as_json:
        print(json.dumps(found))
    else:
        Console().print(_TOLD[what](found))


@app.command()
def export(
    parquet: Annotated[Path, typer.Option(help="Folder for one data set a kind; it must not exist yet.")],
    source: Annotated[str, typer.Argument(help="A telemetry.db, or a range of one's own: FROM/TO, 6h, 1d.")] = "",
    config: Annotated[Path | None, typer.Option(help="Settings file (default: ./akeso.toml if it exists).")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder (default: as the settings say).")] = None,
) -> None:
    """Write telemetry as Parquet, with Akeso running or not. `akeso replay` reads it again."""
    settings = load_settings(config, {"data": str(data)} if data else {})
    source = source or str(settings.data / "telemetry.db")
    recording = recording_of(source, settings, datetime.now(UTC), timedelta(0))
    rows = asyncio.run(_exported(recording, settings, parquet))
    for kind, count in rows.items():
        print(f"{parquet / kind}: {count:,} rows")


async def _exported(recording: Recording, settings: Settings, folder: Path) -> Mapping[str, int]:
    try:
        from akeso.adapters.telemetry.parquet import ParquetFolder  # extra [parquet]
    except ImportError as bad:
        raise InvalidSettings("parquet", "needs the extra: pip install 'akeso[parquet]'") from bad
    table = SeriesTable()
    with ParquetFolder.new(folder, table) as out:
        async for batch in recording.batches(table, settings):
            out.write(batch)
    return out.rows


def _metrics(found: dict[str, Any]) -> Table | str:
    table = Table("service", "metric", "last", "lowest", "highest", "", "unit", box=box.SIMPLE_HEAD)
    for series in found["series"]:
        values = [value for value in series["values"] if value is not None]
        labels = ", ".join(f"{name}={value}" for name, value in series["attributes"].items())
        name = " ".join(filter(None, (series["metric"], series["stat"], labels and f"{{{labels}}}")))
        numbers = (f"{value:.4g}" for value in (values[-1], min(values), max(values)))
        table.add_row(*map(escape, (series["service"], name, *numbers, _curve(series["values"]), series["unit"])))
    return table if found["series"] else "Nothing is stored of that."


def _curve(values: Sequence[float | None]) -> str:
    """The newest of them as bars; a space where there is none."""
    shown = values[-_WIDTH:]
    known = [value for value in shown if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if value is None else _BARS[round((value - low) * scale)] for value in shown)


def _logs(found: dict[str, Any]) -> Table | str:
    table = Table("service", "count", "severity", "last", "template", "values", box=box.SIMPLE_HEAD)
    for group in found["templates"]:
        values = "; ".join(", ".join(some[:3]) for some in group["parameters"])
        row = (group["service"], f"{group['count']:,}", str(group["severity"]), _clock(group["last"]))
        table.add_row(*map(escape, (*row, group["template"], values)))
    return table if found["templates"] else "Nothing is stored of that."


def _spans(found: dict[str, Any]) -> Table | str:
    names = ("service", "operation", "role", "peer", "a second", "errors", "mean ms", "p95 ms", "p99 ms")
    table = Table(*names, box=box.SIMPLE_HEAD)
    for group in found["groups"]:
        share = f"{group['errors'] / group['count']:.1%}"
        times = (f"{group[name]:.1f}" for name in ("mean_ms", "p95_ms", "p99_ms"))
        row = (group["service"], group["operation"], group["role"], group["peer"], f"{group['rate']:.2f}", share)
        table.add_row(*map(escape, (*row, *times)))
    return table if found["groups"] else "Nothing is stored of that."


def _clock(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S")


_TOLD: Mapping[What, Callable[[dict[str, Any]], Table | str]] = MappingProxyType(
    {What.METRICS: _metrics, What.LOGS: _logs, What.SPANS: _spans}
)
