"""`akeso keys`: API keys and their roles."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from akeso.adapters.keys.file import KeyFile
from akeso.domain.access import Role
from akeso.domain.errors import InvalidInput, NotFound
from akeso.faces.cli.client import DEFAULT_DATA, Data

app = typer.Typer(no_args_is_help=True, help="API keys and their roles.")


@app.command("list")
def list_keys(data: Data = DEFAULT_DATA) -> None:
    """List names, roles and tenants; keys themselves are not stored."""
    table = Table("name", "role", "tenant")
    for caller in KeyFile(data / "keys.json").callers():
        table.add_row(caller.name, caller.role.name.lower(), caller.tenant)
    Console().print(table)


@app.command()
def add(
    name: str,
    role: Annotated[str, typer.Option(help="ingest, viewer, operator, approver or admin.")] = "viewer",
    tenant: str = "default",
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    if role.upper() not in Role.__members__:
        raise InvalidInput("role", f"{role} is none of {', '.join(r.name.lower() for r in Role)}")
    print(KeyFile(data / "keys.json").add(name, Role[role.upper()], tenant))


@app.command()
def remove(name: str, data: Data = DEFAULT_DATA) -> None:
    """Take a key away; it is refused from now on."""
    if not KeyFile(data / "keys.json").remove(name):
        raise NotFound(f"there is no key named {name}")
    print(f"{name} is removed.")
