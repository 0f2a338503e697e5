"""`akeso detect`: what detection may still say. `akeso slo`: what is left of the error budgets."""

import json
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url

app = typer.Typer(no_args_is_help=True, help="Detection: alert budgets, and the thresholds that follow from them.")
app.callback()(lambda: None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def report(
    alarms: Annotated[bool, typer.Option("--alarms", help="List every alarm that counts.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show each service's alert budget, what was spent, what was withheld, and the threshold in force."""
    found = Client(url, key, data).get("/api/v1/detection/budget")
    if as_json:
        print(json.dumps(found))
        return
    console = Console()
    _declared(console, found)
    if alarms:
        console.print(_alarms(found))


def slo(as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "", data: Data = DEFAULT_DATA) -> None:
    """Show what is left of the error budgets, and how fast they burn."""
    found = Client(url, key, data).get("/api/v1/slo")
    if as_json:
        print(json.dumps(found))
        return
    if not found["objectives"]:
        print("No service with an objective (slo in services.yaml) was heard of yet.")
        return
    rules = found["objectives"][0]["rules"]
    windows = [f"{_span(r['long_s'])} / {_span(r['short_s'])} (alarm at {r['factor']:g})" for r in rules]
    table = Table("service", "objective", "left", *windows, "alarm", box=box.SIMPLE_HEAD)
    for o in found["objectives"]:
        burns = [f"{r['long_burn']:.2f} / {r['short_burn']:.2f}" for r in o["rules"]]
        alarm = "[red]burning[/red]" if o["alarm"] else "-"
        table.add_row(escape(o["service"]), _objective(o), f"{o['remaining']:.1%}", *burns, alarm)
    Console().print(table)


def _declared(console: Console, found: dict[str, Any]) -> None:
    columns = ("service", "a week", "spent", "notified", "true", "false", "open", "withheld", "score")
    table = Table(*columns, box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for s in found["services"]:
        spent = f"[red]{s['spent']}[/red]" if s["spent"] > s["budget"] else str(s["spent"])
        counts = (str(s[name]) for name in ("notified", "true", "false", "unknown", "withheld"))
        table.add_row(escape(s["service"]), f"{s['budget']:g}", spent, *counts, f"{s['threshold']:.2f}")
    console.print(table if found["services"] else "No alarm in the last week.")
    rest = "" if found["enforced"] else " Nothing is held back: budget.enforced is off."
    free = found["never_held_back"]
    console.print(
        f"{found['per_week']:g} false alarms a service and week are acceptable where services.yaml says nothing. Never "
        f"held back: {', '.join(free['rules'])}, and a score of {free['score']:g}.{rest}",
        highlight=False,
    )


def _alarms(found: dict[str, Any]) -> Table:
    table = Table("at", "service", "signal", "score", "p-value", "notified", "was", box=box.SIMPLE_HEAD)
    for s in found["services"]:
        for a in s["alarms"]:
            at = a["at"][:19].replace("T", " ")
            notified = "yes" if a["notified"] else "withheld"
            table.add_row(
                at, escape(s["service"]), a["signal"], f"{a['score']:.2f}", f"{a['p_value']:.1g}", notified, a["truth"]
            )
    return table


def _objective(o: dict[str, Any]) -> str:
    if o["kind"] == "latency":
        return f"{1 - o['allowed']:.2%} of calls within {o['limit_ms']:g} ms"
    return f"{1 - o['allowed']:.2%} of calls answered"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
