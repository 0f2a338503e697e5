"""`akeso audit`: verify and read the journal. Works on the journal itself, with Akeso running or not."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from akeso.adapters.journals.sql import SqlJournal
from akeso.composition.parts import open_journal
from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import JournalCorrupt, NotFound
from akeso.faces.api.views import entry_view

app = typer.Typer(no_args_is_help=True, help="Verify and read the journal.")
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (default: ./akeso.toml if it exists).")]
Data = Annotated[Path | None, typer.Option("--data", help="Akeso's data folder (default: as the settings say).")]


@app.command()
def verify(data: Data = None, config: Config = None) -> None:
    """Recompute the hash chain over the whole journal; exit code 1 and the place when it does not hold."""
    try:
        count = asyncio.run(_verify(data, config))
    except JournalCorrupt as corrupt:
        print(f"corrupt: {corrupt}")
        raise typer.Exit(1) from corrupt
    print(f"The hash chain holds over {count} events.")


@app.command()
def log(data: Data = None, config: Config = None, after: int = 0) -> None:
    """Print the journal as JSON lines, oldest first."""
    asyncio.run(_print(data, config, after))


async def _verify(data: Path | None, config: Path | None) -> int:
    journal = await _journal(data, config)
    try:
        return await journal.verify()
    finally:
        await journal.close()


async def _print(data: Path | None, config: Path | None, after: int) -> None:
    journal = await _journal(data, config)
    try:
        async for entry in journal.all_entries(after):
            print(json.dumps(entry_view(entry)))
    finally:
        await journal.close()


async def _journal(data: Path | None, config: Path | None) -> SqlJournal:
    settings = load_settings(config, {"data": str(data)} if data else {})
    _must_exist(settings)
    return await open_journal(settings)


def _must_exist(settings: Settings) -> None:
    # Opening makes a journal, and a new one holds: a wrong folder would look like a journal without a flaw.
    if not settings.journal and not settings.journal_file.exists():
        raise NotFound(f"there is no journal at {settings.journal_file}")
