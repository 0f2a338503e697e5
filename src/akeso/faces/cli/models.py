"""`akeso models`: versions of the detection model. `akeso feedback`: was that right?"""

import json
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url

app = typer.Typer(no_args_is_help=True, help="Versions of the detection model: list, compare, train, promote.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stands in the history.")]


@app.command("list")
def list_versions(as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """List versions, newest first."""
    found = Client(url, key, data).get("/api/v1/models")
    if as_json:
        print(json.dumps(found))
        return
    table = Table("version", "alias", "made", "by", "threshold", "series", "measured", "reason", box=box.SIMPLE_HEAD)
    for made in found["versions"]:
        table.add_row(
            made["version"],
            ", ".join(made["aliases"]) or "-",
            made["created_at"][:19].replace("T", " "),
            escape(made["by"]),
            f"{made['threshold']:g}",
            str(made["series"]),
            _measured(made["metrics"]),
            escape(made["reason"]),
        )
    Console().print(table if found["versions"] else "No version is registered yet.")


@app.command()
def show(version: str, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Show one version."""
    _print(Client(url, key, data).get(f"/api/v1/models/{version}"), as_json)


@app.command()
def compare(as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Champion against challenger."""
    found = Client(url, key, data).get("/api/v1/models/compare")
    if found["challenger"] is None and not as_json:
        print(f"No version challenges the champion ({found['champion'] or 'none is registered'}).")
        return
    _print(found, as_json)


@app.command()
def snapshot(
    reason: Why = "",
    threshold: Annotated[float | None, typer.Option(help="Of the new version; default: as it is.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Register what the detectors know now."""
    body = {"reason": reason, "threshold": threshold}
    _tell(Client(url, key, data).post("/api/v1/models", body), "is registered")


@app.command()
def retrain(
    reason: Why = "",
    window: Annotated[float | None, typer.Option(help="Seconds of the past to train on; default: all kept.")] = None,
    challenge: Annotated[bool, typer.Option(help="Let it challenge the champion.")] = True,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Train a version on recent features and on labels."""
    body = {"reason": reason, "window_seconds": window, "challenge": challenge}
    made = Client(url, key, data).post("/api/v1/models/retrain", body)
    _tell(made, f"is trained: {_measured(made['metrics'])}")


@app.command()
def challenge(version: str, reason: Why = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Let a version score beside the champion; `none` ends it."""
    said = Client(url, key, data).post(f"/api/v1/models/{version}/challenge", {"reason": reason})
    print(f"Version {said['challenger']} challenges the champion." if said["challenger"] else "Nothing challenges.")


@app.command()
def promote(version: str, reason: Why = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Let a version decide."""
    _tell(Client(url, key, data).post(f"/api/v1/models/{version}/promote", {"reason": reason}), "decides now")


@app.command()
def rollback(reason: Why = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Let the version decide that did before."""
    _tell(Client(url, key, data).post("/api/v1/models/rollback", {"reason": reason}), "decides again")


@app.command("safe-mode")
def safe_mode(
    mode: Annotated[str, typer.Argument(help="on or off")],
    reason: Why = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Rules instead of learned models (on), or learned models again (off)."""
    if mode not in {"on", "off"}:
        raise typer.BadParameter(f"on or off, not {mode}")
    Client(url, key, data).post("/api/v1/pipeline/safe-mode", {"on": mode == "on", "reason": reason})
    print(f"Safe mode is {mode}.")


def feedback(
    service: str,
    anomalous: Annotated[bool, typer.Option("--anomalous/--normal", help="What it really was.")],
    at: Annotated[str, typer.Option(help="When, as 2030-01-31T12:00:00Z; default: now.")] = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say whether a service was anomalous at a time; the model is measured by it, and trained on it."""
    label: dict[str, Any] = {"service": service, "anomalous": anomalous} | ({"at": at} if at else {})
    said = Client(url, key, data).post("/api/v1/feedback", {"labels": [label]})
    print("Akeso had decided the same." if said["agreed"] else "Akeso had decided otherwise.")


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    table = Table(show_header=False, box=box.SIMPLE)
    for name, value in found.items():
        table.add_row(name.replace("_", " "), escape(_shown(value)))
    Console().print(table)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.4g}"
        case list():
            return ", ".join(map(str, value)) or "-"
        case dict():
            return _measured(value)
    return str(value)


def _measured(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in metrics.items()) or "-"


def _tell(made: dict[str, Any], what: str) -> None:
    print(f"Version {made['version']} {what}.")
