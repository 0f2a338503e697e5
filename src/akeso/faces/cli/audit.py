"""`akeso audit`: verify and read the journal. Works on the journal itself, with Akeso running or not."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from akeso.app import open_journal
from akeso.domain.errors import JournalCorrupt
from akeso.faces.api.views import entry_view
from akeso.faces.cli.client import DEFAULT_DATA, Data
from akeso.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Verify and read the journal.")
Config = Annotated[Path | None, typer.Option("--config", help="akeso.toml")]


@app.command()
def verify(data: Data = DEFAULT_DATA, config: Config = None) -> None:
    """Recompute the hash chain over the whole journal; exit code 1 and the place when it does not hold."""
    try:
        count = asyncio.run(_verify(data, config))
    except JournalCorrupt as corrupt:
        print(f"corrupt: {corrupt}")
        raise typer.Exit(1) from corrupt
    print(f"The hash chain holds over {count} events.")


@app.command()
def log(data: Data = DEFAULT_DATA, config: Config = None, after: int = 0) -> None:
    """Print the journal as JSON lines, oldest first."""
    asyncio.run(_print(data, config, after))


async def _verify(data: Path, config: Path | None) -> int:
    journal = await open_journal(load_settings(config, {"data": str(data)}))
    try:
        return await journal.verify()
    finally:
        await journal.close()


async def _print(data: Path, config: Path | None, after: int) -> None:
    journal = await open_journal(load_settings(config, {"data": str(data)}))
    try:
        async for entry in journal.all_entries(after):
            print(json.dumps(entry_view(entry)))
    finally:
        await journal.close()
