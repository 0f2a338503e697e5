"""`akeso incident …`, `akeso alerts`, `akeso silences …`, `akeso rejections …`: people at work on incidents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url
from akeso.faces.cli.questions import pair, question, tell_next

incident = typer.Typer(no_args_is_help=True)
silences = typer.Typer(no_args_is_help=True)
rejections = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@incident.command()
def acknowledge(name: str, comment: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Say that you are at it."""
    _said(Client(url, key, data), name, "acknowledge", {"comment": comment})


@incident.command()
def assign(name: str, to: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Give it to somebody; to nobody without --to."""
    _said(Client(url, key, data), name, "assign", {"to": to})


@incident.command()
def comment(name: str, text: str, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Write something down about it."""
    _said(Client(url, key, data), name, "comments", {"text": text})


@incident.command()
def snooze(
    name: str, hours: float = 1.0, reason: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA
) -> None:
    """Call nobody and begin nothing new for some hours; 0 ends a snooze."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    _said(Client(url, key, data), name, "snooze", {"until": until.isoformat(), "reason": reason})


@incident.command()
def priority(name: str, value: str, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Say how soon somebody should be at it: p1 to p5."""
    _said(Client(url, key, data), name, "priority", {"priority": value})


@incident.command()
def close(
    name: str,
    reason: Annotated[str, typer.Option(help="fixed_by_hand, false_alarm, known or other; for duplicates: merge.")],
    comment: str = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """End it, with the reason."""
    _said(Client(url, key, data), name, "close", {"reason": reason, "comment": comment})


@incident.command()
def reopen(name: str, reason: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Go on with one that ended."""
    _said(Client(url, key, data), name, "reopen", {"reason": reason})


@incident.command()
def analyze(name: str, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Ask for a new diagnosis and plan, also when people were called already."""
    print(f"{name}: {Client(url, key, data).post(f'/api/v1/incidents/{name}/analyze', {})['status']}")


@incident.command()
def merge(name: str, source: str, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Take the incident SOURCE into NAME; SOURCE is closed as its duplicate."""
    _said(Client(url, key, data), name, "merge", {"source": source})


@incident.command()
def split(
    name: str, services: list[str], title: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA
) -> None:
    """Make an incident of its own of what is about these services."""
    _said(Client(url, key, data), name, "split", {"services": services, "title": title})


def alerts(
    only: Annotated[
        list[str] | None,
        typer.Option(help="name=value: service, fate, incident, firing, severity, label, q, sort …"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """List the alerts that came, and what became of them."""
    page = Client(url, key, data).get("/api/v1/alerts", limit=limit, **question(only or []))
    found = page["alerts"]
    if as_json:
        print(json.dumps(found))
        return
    console = Console()
    for a in found:
        console.print(f"[bold]{escape(a['title'])}[/bold] ({escape(a['service'])}), {a['status']}", highlight=False)
        became = f"  {a['fate'].replace('_', ' ')} {a['incident'] or ''}".rstrip()
        console.print(f"{became}; told {_times(a['times'])}, began {_times(a['firings'])}", highlight=False)
        if a["why"]:
            console.print(f"  [dim]{escape(a['why'])}[/dim]", highlight=False)
    if not found:
        console.print("No alerts.")
    tell_next(page)


@silences.command("list")
def list_silences(url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """List silences that hold, or will."""
    found = Client(url, key, data).get("/api/v1/silences")["silences"]
    for s in found:
        about = " ".join([s["service"] or "everything", *(f"{n}={v}" for n, v in s["labels"].items())])
        every = f", every {s['every']}" if s["every"] else ""
        print(f"{s['id']}  {about}  {s['from']} to {s['until']}{every}  by {s['by']}: {s['reason']}")
    if not found:
        print("No silences.")


@silences.command("add")
def add_silence(
    what: Annotated[list[str], typer.Argument(help="service=NAME, and labels as name=value.")],
    hours: float = 1.0,
    reason: str = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Expect what is about a service, or carries labels, from now on for some hours."""
    labels = dict(pair("what", text) for text in what)
    until = datetime.now(UTC) + timedelta(hours=hours)
    body = {
        "service": labels.pop("service", ""), "labels": labels, "until": until.isoformat(), "reason": reason,
    }  # fmt: skip
    made = Client(url, key, data).post("/api/v1/silences", body)
    print(f"{made['id']} holds until {made['until']}.")


@silences.command("lift")
def lift_silence(name: str, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """End a silence."""
    Client(url, key, data).delete(f"/api/v1/silences/{name}")
    print(f"{name} holds no more.")


@rejections.command("list")
def list_rejections(url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """List remedies that people said no to."""
    found = Client(url, key, data).get("/api/v1/rejections")["rejections"]
    for r in found:
        print(f"{r['step']}  {r['action']} {r['target']}, by {r['by']} at {r['at']}: {r['reason']}")
    if not found:
        print("No rejections.")


@rejections.command("lift")
def lift_rejection(
    step: str, reason: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA
) -> None:
    """Let a remedy be proposed again."""
    Client(url, key, data).post(f"/api/v1/rejections/{step}/lift", {"reason": reason})
    print(f"What {step} would have done may be proposed again.")


def _said(client: Client, name: str, verb: str, body: dict[str, Any]) -> None:
    found = client.post(f"/api/v1/incidents/{name}/{verb}", body)
    print(f"{found['id']}: {found['status']}, {found['title']}")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
