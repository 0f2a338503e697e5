"""`akeso demo`: the shop is broken three times; Akeso notices, finds out why, heals, proves it."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from akeso.domain.errors import AkesoError
from akeso.faces.cli.client import Client
from akeso.faces.cli.story import tell
from akeso.lab.faults.fault import Fault
from akeso.lab.faults.register import chosen
from akeso.lab.scoring.case import Bench, run_case
from akeso.lab.scoring.report import Case
from akeso.lab.scoring.run import own_bench, warm_up

FAULTS = "error_burst_after_deploy,db_lock,crash"
LOOK_EVERY_S = 1.0
LINE_EVERY_S = 5.0


class Waiting:
    """What is being waited for: a moving line on a terminal, elsewhere a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._line.add_task("")
        self._told, self._told_at = "", 0.0

    def __enter__(self) -> Self:
        self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    def begin(self, text: str) -> None:
        """Something else is waited for from now on."""
        self._line.reset(self._task)
        self._told_at = 0.0
        self.now(text)

    def now(self, text: str) -> None:
        """How far it is."""
        self._line.update(self._task, description=escape(text))
        due = text != self._told and time.monotonic() - self._told_at >= LINE_EVERY_S
        if due and not self._console.is_terminal:
            self._told, self._told_at = text, time.monotonic()
            self._console.print(f"[dim]{escape(text)}[/dim]", highlight=False)


@dataclass(frozen=True, slots=True)
class Showing:
    """One demo. url and data: of the Akeso that is shown."""

    bench: Bench
    console: Console
    waiting: Waiting
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
    _warn_if_busy(console)
    out = Path(tempfile.mkdtemp(prefix="akeso-demo-"))
    with Waiting(console) as waiting:
        async with _opened(waiting, console, out, seed) as showing:
            chosen_faults = chosen(faults)
            cases = [
                await _show(showing, fault, f"{fault.name} ({number} of {len(chosen_faults)})")
                for number, fault in enumerate(chosen_faults, 1)
            ]
            _sum_up(console, cases)
            if keep:
                console.print(f"Everything keeps running: {showing.url}. Ctrl-C ends it.")
                waiting.begin("running")
                await _interrupted()
            waiting.begin("closing the shop")
    return all(case.healed for case in cases)


def _warn_if_busy(console: Console) -> None:
    """A shop that gets no processor time is slow without a fault, and so is Akeso."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        busy = f"This machine is busy (load {load:.0f} on {cores} cores): all takes longer, and a part may fail."
        console.print(f"[yellow]{busy}[/yellow]")


@asynccontextmanager
async def _opened(waiting: Waiting, console: Console, out: Path, seed: int) -> AsyncIterator[Showing]:
    """The shop and Akeso, both warm."""

    def tell(text: str) -> None:
        console.print(f"[dim]{text}[/dim]", highlight=False)

    waiting.begin("laying out the shop, its database and Akeso")
    async with own_bench(None, out, seed, tell, waiting.now) as bench:
        showing = Showing(bench, console, waiting, seed, out / "akeso")
        console.print(f"Akeso shows its incidents at [bold]{showing.url}[/bold] (key: {out / 'akeso' / 'admin.key'})")
        await warm_up(bench, lambda text: waiting.begin(f"{text}: Akeso and the visitors learn what is normal"))
        yield showing


async def _show(showing: Showing, fault: Fault, title: str) -> Case:
    console = showing.console
    client = Client(showing.url, "", showing.data)
    async with _followed(showing, client, title):
        case = await run_case(showing.bench, fault, showing.seed, 0)
    console.rule(f"[bold]{case.fault.name}[/bold] in {case.injection.target}")
    _moment(console, case.seen.injected_at, "injected")
    if case.seen.hurt_at:
        _moment(console, case.seen.hurt_at, "visitors are hurt")
    for incident in case.incidents:
        found = await asyncio.to_thread(client.get, f"/api/v1/incidents/{incident.id}")
        lines = await asyncio.to_thread(client.get, f"/api/v1/incidents/{incident.id}/timeline")
        tell(console, found | {"timeline": lines["entries"]})
    if case.seen.healed_at:
        _moment(console, case.seen.healed_at, "healed, as the visitors see it", "green")
    else:
        console.print("  [red]not healed[/red]")
    return case


@asynccontextmanager
async def _followed(showing: Showing, client: Client, title: str) -> AsyncIterator[None]:
    """While a case runs, the newest of Akeso's new incidents stands in the line of what is waited for."""
    known = {each["id"] for each in await _incidents(client)}
    showing.waiting.begin(f"{title}: waiting for calm, then it is brought about")

    async def follow() -> None:
        while True:
            for incident in await _incidents(client):
                if incident["id"] not in known:
                    showing.waiting.now(f"{title}: {incident['status'].lower()}, {incident['title']}")
            await asyncio.sleep(LOOK_EVERY_S)

    following = asyncio.ensure_future(follow())
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _incidents(client: Client) -> list[dict[str, Any]]:
    """As far as Akeso answers just now: it is looked at, not relied upon."""
    try:
        found: list[dict[str, Any]] = (await asyncio.to_thread(client.get, "/api/v1/incidents"))["incidents"]
    except AkesoError:
        return []
    return found


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
