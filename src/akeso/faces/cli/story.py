"""One incident as a story for the terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from akeso.faces.story import describe

_COLOURS = {"RESOLVED": "green", "ESCALATED": "red", "FAILED": "red", "SUPPRESSED": "dim"}


def tell(console: Console, incident: Mapping[str, Any]) -> None:
    """Print an incident as the REST API shows it, with its `timeline`."""
    colour = _COLOURS.get(incident["status"], "yellow")
    console.print(
        f"[bold]{incident['id']}[/bold]  [{colour}]{incident['status']}[/{colour}]  {escape(incident['title'])}"
    )
    _cause(console, incident)
    _words(console, incident)
    _timeline(console, incident)


def _cause(console: Console, incident: Mapping[str, Any]) -> None:
    if not incident["hypotheses"]:
        return
    best = incident["hypotheses"][0]
    known = "" if incident["known"] else " (not sure enough to act)"
    console.print(
        f"  cause: [bold]{escape(best['service'])}[/bold], {best['fault_class']}, "
        f"confidence {best['confidence']:.0%}{known}"
    )
    if inner := best.get("cause"):
        told = " → ".join(filter(None, (inner["first"], inner["then"])))
        console.print(f"    in it: {escape(told)} [dim]({inner['kind']})[/dim]", highlight=False)
    for number, finding in enumerate(best["evidence"][:6], 1):
        console.print(f"    {number}. {escape(finding['statement'])} [dim]({finding['provider']})[/dim]")
    for look in incident["suggested_checks"]:
        console.print(f"    next: {escape(look)}", highlight=False)


def _words(console: Console, incident: Mapping[str, Any]) -> None:
    """What a reasoner that took its time says, each claim with what it cites."""
    if not incident["explained_by"]:
        return
    console.print(f"  explained by {incident['explained_by']} [dim]({escape(incident['explanation_note'])})[/dim]")
    for title, claims in (("", incident["claims"]), ("  it might help to:", incident["proposals"])):
        if title and claims:
            console.print(title)
        for number, claim in enumerate(claims, 1):
            console.print(f"    {number}. {escape(claim['text'])}", highlight=False)
            for cited in claim["citations"]:
                stands = escape(f"[{cited['id']}] {cited['statement']} ({cited['source']})")
                console.print(f"       [dim]{stands}[/dim]", highlight=False)


def _timeline(console: Console, incident: Mapping[str, Any]) -> None:
    start = datetime.fromisoformat(incident["onset_at"])
    console.print(f"  [dim]{start.astimezone():%H:%M:%S}[/dim]      onset")
    for entry in incident["timeline"]:
        text = describe(entry["kind"], entry["event"])
        if text:
            after = (datetime.fromisoformat(entry["at"]) - start).total_seconds()
            console.print(f"  [dim]{'+' if after >= 0 else ''}{after:6.1f} s[/dim]  {escape(text)}", highlight=False)
