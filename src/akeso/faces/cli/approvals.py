"""`akeso pending`, `approve`, `reject`, `suspend`, `resume`."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url


def pending(url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """List the actions that wait for a person."""
    found = Client(url, key, data).get("/api/v1/approvals/pending")["approvals"]
    console = Console()
    for a in found:
        until = (
            datetime.fromisoformat(a["expires_at"]).astimezone().strftime(", until %m-%d %H:%M")
            if a["expires_at"]
            else ""
        )
        # The id stands alone on its line, so that it can be copied whatever the width of the terminal.
        console.print(f"[bold]{a['id']}[/bold]", highlight=False)
        console.print(
            f"  {escape(a['action'])} {escape(a['target'])} (incident {a['incident']}{until})", highlight=False
        )
        if said := a["preview"] or a["why"]:
            console.print(f"  [dim]{escape(said)}[/dim]", highlight=False)
    if not found:
        console.print("Nothing waits for approval.")


def approve(
    action: str,
    execute: Annotated[bool, typer.Option("--execute", help="Run it; without this it is only previewed.")] = False,
    comment: str = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Approve an action (dry run unless --execute)."""
    answer = Client(url, key, data).post(
        f"/api/v1/approvals/{action}/approve", {"dry_run": not execute, "comment": comment}
    )
    print(f"{answer['action']} on {answer['target']}: {answer['status']}{'' if execute else ' (dry run)'}")


def reject(action: str, reason: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Reject an action."""
    answer = Client(url, key, data).post(f"/api/v1/approvals/{action}/reject", {"reason": reason})
    print(f"{answer['action']} on {answer['target']}: {answer['status']}")


def suspend(reason: str = "", url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Stop every effect at once."""
    Client(url, key, data).post("/api/v1/effects/suspend", {"reason": reason})
    print("Every effect is suspended. `akeso resume` allows them again.")


def resume(url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Allow effects again."""
    Client(url, key, data).post("/api/v1/effects/resume", {})
    print("Effects are allowed again, as far as policy allows them.")


def reload(url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Read services, playbooks and policies again; what is wrong with one leaves all as they were."""
    told = Client(url, key, data).post("/api/v1/reload", {})
    print(f"In force: {told['services']} services, {told['playbooks']} playbooks, and the policies.")
