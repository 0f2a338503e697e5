"""`akeso heard`: what is heard from whom, at what rhythm, and what is not understood."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.faces.cli.client import DEFAULT_DATA, DEFAULT_URL, Client, Data, Key, Url


def heard(
    service: Annotated[str, typer.Argument(help="Only this service, with its metrics.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show who is heard, when last, how often, and how much of it is understood."""
    found = Client(url, key, data).get("/api/v1/senders")["services"]
    chosen = [each for each in found if service in {"", each["service"]}]
    if as_json:
        print(json.dumps(chosen))
    elif not chosen:
        print(f"Nothing was heard of {service or 'anybody'} yet.")
    elif service:
        Console().print(_metrics(chosen[0]))
    else:
        Console().print(_services(chosen))


def _services(found: list[dict[str, Any]]) -> Table:
    table = Table("service", "state", "every", "silent", "heard", "understood", "not", "why", box=box.SIMPLE_HEAD)
    for each in found:
        every = "-" if each["cadence_s"] is None else f"{each['cadence_s']:g} s"
        table.add_row(
            escape(each["service"]),
            each["state"],
            every,
            f"{each['silent_s']:.0f} s",
            ", ".join(each["kinds"]),
            str(len(each["understood"])),
            str(len(each["not_understood"])),
            escape(each["because"]),
        )
    return table


def _metrics(found: Mapping[str, Any]) -> Table:
    table = Table("metric", "role", "of", "who says so", box=box.SIMPLE_HEAD)
    for each in found["understood"]:
        table.add_row(escape(each["metric"]), each["role"], each["entity"], each["source"])
    for name in found["not_understood"]:
        table.add_row(escape(name), "not understood", "", "")
    return table
