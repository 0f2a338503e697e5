"""`akeso demo`: the shop is broken three times; Akeso notices, finds out why, heals, proves it."""

import asyncio
import signal
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from akeso.faces.cli.client import Client
from akeso.faces.cli.story import tell
from akeso.lab.faults.fault import Fault
from akeso.lab.faults.register import chosen
from akeso.lab.scoring.case import Bench, run_case
from akeso.lab.scoring.report import Case
from akeso.lab.scoring.run import own_bench, warm_up

FAULTS = "error_burst_after_deploy,db_lock,crash"


@dataclass(frozen=True, slots=True)
class Showing:
    """One demo. url and data: of the Akeso that is shown."""

    bench: Bench
    console: Console
    seed: int
    data: Path

    @property
    def url(self) -> str:
        return self.bench.akeso.url


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running afterwards, and print the URL.")
    ] = False,
    faults: Annotated[str, typer.Option(help="Which faults, separated by commas (`akeso lab faults`).")] = FAULTS,
    seed: Annotated[int, typer.Option(help="Targets and times are drawn from it.")] = 1,
) -> None:
    """Break a small shop three times and watch Akeso heal it. Exit code 0 only if all was healed for its visitors."""
    console = Console()
    began = time.monotonic()
    healed = asyncio.run(_demo(console, faults, seed, keep))
    console.print(f"[dim]took {time.monotonic() - began:.0f} s[/dim]")
    raise typer.Exit(0 if healed else 1)


async def _demo(console: Console, faults: str, seed: int, keep: bool) -> bool:
    console.print(
        "[bold]Opening a shop of a dozen services, with real databases and visitors, and Akeso beside it.[/bold]"
    )
    out = Path(tempfile.mkdtemp(prefix="akeso-demo-"))
    async with own_bench(None, out, seed, lambda text: console.print(f"[dim]{text}[/dim]", highlight=False)) as bench:
        console.print(
            f"Akeso shows its incidents at [bold]{bench.akeso.url}[/bold] (key: {out / 'akeso' / 'admin.key'})"
        )
        await warm_up(bench, lambda text: console.print(f"[dim]{text}: Akeso learns what is normal[/dim]"))
        showing = Showing(bench, console, seed, out / "akeso")
        cases = [await _show(showing, fault) for fault in chosen(faults)]
        _sum_up(console, cases)
        if keep:
            console.print(f"Everything keeps running: {bench.akeso.url}. Ctrl-C ends it.")
            await _interrupted()
    return all(case.healed for case in cases)


async def _show(showing: Showing, fault: Fault) -> Case:
    console = showing.console
    case = await run_case(showing.bench, fault, showing.seed, 0)
    console.rule(f"[bold]{case.fault.name}[/bold] in {case.injection.target}")
    _moment(console, case.seen.injected_at, "injected")
    if case.seen.hurt_at:
        _moment(console, case.seen.hurt_at, "visitors are hurt")
    client = Client(showing.url, "", showing.data)
    for incident in case.incidents:
        found = await asyncio.to_thread(client.get, f"/api/v1/incidents/{incident.id}")
        lines = await asyncio.to_thread(client.get, f"/api/v1/incidents/{incident.id}/timeline")
        tell(console, found | {"timeline": lines["entries"]})
    if case.seen.healed_at:
        _moment(console, case.seen.healed_at, "healed, as the visitors see it", "green")
    else:
        console.print("  [red]not healed[/red]")
    return case


def _moment(console: Console, at: float, text: str, colour: str = "bold") -> None:
    console.print(
        f"  [dim]{datetime.fromtimestamp(at, UTC).astimezone():%H:%M:%S}[/dim]      [{colour}]{text}[/{colour}]"
    )


def _sum_up(console: Console, cases: list[Case]) -> None:
    table = Table("fault", "in", "noticed after", "blamed", "as", "done", "healed after", title="What happened")
    for case in cases:
        row = case.as_json()
        table.add_row(
            case.fault.name,
            case.injection.target,
            _seconds(row["delay_s"]),
            next(iter(case.ranked), "-"),
            row["fault_class"]["got"] or "-",
            ", ".join(f"{action} {target}" for action, target in case.applied) or "nothing",
            _seconds(row["time_to_heal_s"]),
        )
    console.print(table)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


async def _interrupted() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()
