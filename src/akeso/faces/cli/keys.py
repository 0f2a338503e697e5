"""`akeso keys`: API keys and their roles."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from akeso.adapters.keys.file import KeyFile
from akeso.config.settings import load_settings
from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.estate.access import Role

Data = Annotated[Path | None, typer.Option("--data", help="Akeso's data folder (default: as the settings say).")]

app = typer.Typer(no_args_is_help=True, help="API keys and their roles.")


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List names, roles and tenants; keys themselves are not stored."""
    table = Table("name", "role", "tenant", "speaks for", "ends")
    for caller in _keys(data)[0].callers():
        ends = caller.expires.isoformat(timespec="minutes") if caller.expires else ""
        spoken = ("*",) if caller.may_speak_for("any") and caller.speaks_for is None else caller.speaks_for or ()
        table.add_row(caller.name, caller.role.name.lower(), caller.tenant, " ".join(spoken), ends)
    Console().print(table)


@app.command()
def add(
    name: str,
    role: Annotated[str, typer.Option(help="ingest, viewer, operator, approver or admin.")] = "viewer",
    tenant: Annotated[str, typer.Option(help="Default: as the settings say.")] = "",
    speaks_for: Annotated[
        list[str] | None,
        typer.Option(
            help="Services it may speak for as a sender, with * as in file names; may be repeated. Default: all."
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="After how many days it ends. Default: never.")] = None,
    data: Data = None,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    if role.upper() not in Role.__members__:
        raise InvalidInput("role", f"{role} is none of {', '.join(r.name.lower() for r in Role)}")
    keys, own = _keys(data)
    spoken = tuple(speaks_for) if speaks_for else None
    ends = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    print(keys.add(name, Role[role.upper()], tenant or own, speaks_for=spoken, expires=ends))


@app.command()
def rotate(name: str, data: Data = None) -> None:
    """Put another key in the place of one, with the same rights, and print it; the old one is refused from now on."""
    print(_keys(data)[0].rotate(name))


@app.command()
def remove(name: str, data: Data = None) -> None:
    """Take a key away; it is refused from now on."""
    if not _keys(data)[0].remove(name):
        raise NotFound(f"there is no key named {name}")
    print(f"{name} is removed.")


def _keys(data: Path | None) -> tuple[KeyFile, str]:
    settings = load_settings(None, {"data": str(data)} if data else {})
    return KeyFile(settings.data / "keys.json"), settings.tenant
