"""`akeso keys`: API keys and their roles."""

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
    table = Table("name", "role", "tenant")
    for caller in _keys(data)[0].callers():
        table.add_row(caller.name, caller.role.name.lower(), caller.tenant)
    Console().print(table)


@app.command()
def add(
    name: str,
    role: Annotated[str, typer.Option(help="ingest, viewer, operator, approver or admin.")] = "viewer",
    tenant: Annotated[str, typer.Option(help="Default: as the settings say.")] = "",
    data: Data = None,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    if role.upper() not in Role.__members__:
        raise InvalidInput("role", f"{role} is none of {', '.join(r.name.lower() for r in Role)}")
    keys, own = _keys(data)
    print(keys.add(name, Role[role.upper()], tenant or own))


@app.command()
def remove(name: str, data: Data = None) -> None:
    """Take a key away; it is refused from now on."""
    if not _keys(data)[0].remove(name):
        raise NotFound(f"there is no key named {name}")
    print(f"{name} is removed.")


def _keys(data: Path | None) -> tuple[KeyFile, str]:
    settings = load_settings(None, {"data": str(data)} if data else {})
    return KeyFile(settings.data / "keys.json"), settings.tenant
