"""`akeso incidents` and `akeso show`."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url
from akeso.faces.cli.questions import question, tell_next
from akeso.faces.cli.story import tell

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def incidents(  # noqa: PLR0913, PLR0917 - each is an option of the command
    status: Annotated[str, typer.Option(help="Only this status, e.g. RESOLVED.")] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="name=value: service, kind, severity, owner, open, since, until, label, fingerprint, q, sort."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """List incidents, newest first."""
    query = question([*(only or []), *([f"status={status}"] if status else [])])
    view = "full" if as_json else "summary"
    page = Client(url, key, data).get("/api/v1/incidents", limit=limit, view=view, **query)
    found = page["incidents"]
    if as_json:
        print(json.dumps(found))
        return
    columns = ("detected", "status", "service", "cause", "MTTR")
    table = Table(Column("id", no_wrap=True, overflow="fold"), *columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i in found:
        cause = f"{i['fault_class']} {i['confidence']:.0%}" if i["confidence"] is not None else "-"
        mttr = f"{i['mttr_seconds']:.1f} s" if i["mttr_seconds"] is not None else "-"
        table.add_row(
            i["id"],
            _clock(i["detected_at"]),
            i["status"].lower().replace("_", " "),
            escape(i["service"]),
            escape(cause),
            mttr,
        )
    Console().print(table if found else "No incidents.")
    tell_next(page)


def show(
    incident: str,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show one incident: cause, evidence, actions, time-line."""
    client = Client(url, key, data)
    found: dict[str, Any] = client.get(f"/api/v1/incidents/{incident}")
    found["timeline"] = client.get(f"/api/v1/incidents/{incident}/timeline")["entries"]
    if as_json:
        print(json.dumps(found))
        return
    tell(Console(), found)


def _clock(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S")
