"""`akeso lab`: a small real shop of processes with real faults, and its scorer."""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console

from akeso.lab.akeso_itself.run import SelfOrder, score_self
from akeso.lab.check import Proof, prove
from akeso.lab.console import cases_table, faults_table, proofs_table, self_table, summary_table
from akeso.lab.errors import LabError
from akeso.lab.faults.fault import Fault, Site
from akeso.lab.faults.register import FAULTS, chosen
from akeso.lab.faults.restore import restore
from akeso.lab.load.client import View
from akeso.lab.scoring.akeso_process import key_beside
from akeso.lab.scoring.case import Bench
from akeso.lab.scoring.day import live_day
from akeso.lab.scoring.run import LEARN_FOR_S, Order, given_bench, own_bench, score, warm_up
from akeso.lab.shop.folder import RunFolder, write_atomically
from akeso.lab.shop.opening import Plan, close, default_folder, is_open, prepare, start
from akeso.lab.shop.running import Shop
from akeso.lab.street.cli import app as street

T = TypeVar("T")

DEFAULT_AKESO = "http://127.0.0.1:8321"

app = typer.Typer(no_args_is_help=True, help="A small real shop of processes with real faults, and its scorer.")
app.add_typer(street, name="street")
screen = Console(stderr=True)

RunOption = Annotated[Path | None, typer.Option("--run", help="The shop's folder.")]
Scenarios = Literal["shop", "self"]
SeedOption = Annotated[int, typer.Option("--seed", help="What faults, targets and times are drawn from.")]
FaultsOption = Annotated[str, typer.Option("--faults", help="`all` or names separated by commas.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def up(
    akeso: Annotated[str, typer.Option(help="Where telemetry and change events go.")] = DEFAULT_AKESO,
    run: RunOption = None,
    seed: SeedOption = 0,
    key: Annotated[
        str | None, typer.Option(envvar="AKESO_INGEST_KEY", help="Key of a sender; default: ./akeso-data/ingest.key.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once the shop is open.")] = False,
) -> None:
    """Open the shop, and keep it open until Ctrl-C."""
    _run(lambda: _up(Plan(_folder(run), akeso, key or key_beside(), seed), detach))


@app.command()
def down(run: RunOption = None) -> None:
    """Close the shop."""
    _run(lambda: close(Shop.at(_folder(run))))


@app.command()
def faults() -> None:
    """List what can be injected."""
    Console().print(faults_table(tuple(FAULTS.values())))


@app.command()
def inject(
    fault: Annotated[str, typer.Argument(help="See `akeso lab faults`.")],
    target: Annotated[str | None, typer.Option(help="The service to hit (default: drawn).")] = None,
    run: RunOption = None,
    seed: SeedOption = 0,
    repeat: Annotated[int, typer.Option(help="Which draw of the seed.")] = 0,
) -> None:
    """Bring about a fault in the running shop."""
    _run(lambda: _inject(_site(run), fault, target, (seed, repeat)))


@app.command()
def clear(run: RunOption = None) -> None:
    """Bring the shop back to how it was opened."""
    for undone in _run(lambda: restore(_site(run))):
        print(undone)


@app.command()
def view(run: RunOption = None) -> None:
    """How the visitors find the shop just now."""

    async def ask() -> View:
        return await _site(run).visitors.view()

    print(json.dumps(_run(ask).raw, indent=2))


@app.command()
def check(
    faults: FaultsOption = "all",
    seed: SeedOption = 0,
    target: Annotated[str | None, typer.Option(help="The service to hit (default: drawn).")] = None,
    run: RunOption = None,
) -> None:
    """Prove every fault without Akeso: it hurts, and an acceptable action by hand ends it. Opens a shop if none is."""
    proofs = _run(lambda: _check(_folder(run), chosen(faults), seed, target))
    Console().print(proofs_table(proofs))
    if not all(proof.holds(FAULTS[proof.fault].hurts_within_s) for proof in proofs):
        raise typer.Exit(1)


@app.command("run")
def run_command(  # noqa: PLR0913, PLR0917 - each is an option of the command
    faults: FaultsOption = "all",
    repeat: Annotated[int, typer.Option(min=1, help="How often each fault.")] = 1,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option(help="Where report.json goes.")] = Path("out/lab"),
    calm: Annotated[float, typer.Option(min=0, help="Seconds in which nothing may be done.")] = 300.0,
    as_json: JsonOption = False,
    akeso: Annotated[str | None, typer.Option(help="Score this Akeso on the open shop instead of own ones.")] = None,
    key: Annotated[str | None, typer.Option(help="API key of that Akeso.")] = None,
    run: RunOption = None,
    scenarios: Annotated[Scenarios, typer.Option(help="The shop's faults, or faults of Akeso itself.")] = "shop",
    override: Annotated[list[str] | None, typer.Option("--set", help="With self: a setting of that Akeso.")] = None,
) -> None:
    """Score Akeso: calm, then every fault; writes report.json. With `--scenarios self` Akeso itself is under test; the
    exit code is 1 when it did not heal everything."""
    if scenarios == "self":
        _run_self(SelfOrder(repeat, seed, out.resolve(), tuple(override or ())), as_json)
        return
    report = _run(lambda: _score(Order(chosen(faults), repeat, seed, out.resolve(), calm), akeso, key, run))
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(cases_table(report), summary_table(report))


def _run_self(order: SelfOrder, as_json: bool) -> None:
    (order.out / "report.json").unlink(missing_ok=True)
    report = _run(lambda: score_self(order, _tell))
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(self_table(report))
    if report["summary"]["healed"] < report["summary"]["cases"]:
        raise typer.Exit(1)


@app.command()
def day(
    minutes: Annotated[float, typer.Option(min=1, help="How long to record.")] = 10.0,
    day_minutes: Annotated[float, typer.Option(min=1, help="How long a day takes, from midnight to midnight.")] = 10.0,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option(help="Where day.json and Akeso's data go.")] = Path("out/lab-day"),
    as_json: JsonOption = False,
) -> None:
    """Live calm days, shortened: load by the time of day, deploys, a restart of the load generator; no fault."""
    lived = _run(lambda: _live(minutes * 60.0, day_minutes * 60.0, seed, out.resolve()))
    print(json.dumps(lived) if as_json else f"{len(lived['false_incidents'])} false incidents; see {out}/day.json")


async def _live(seconds: float, day_s: float, seed: int, out: Path) -> dict[str, Any]:
    async with own_bench(None, out, seed, _tell) as bench:
        await warm_up(bench, _tell)
        lived = (await live_day(bench.site, bench.akeso, seconds, day_s, seed)).as_json()
    write_atomically(out / "day.json", json.dumps(lived, indent=2) + "\n")
    return lived


async def _up(plan: Plan, detach: bool) -> None:
    shop = await prepare(plan)
    try:
        took = await start(shop)
    except BaseException:
        await close(shop)
        raise
    await Site(shop).visitors.begin_learning(LEARN_FOR_S)
    facts = shop.facts
    screen.print(f"The shop is open after {took:.1f} s; its visitors learn what calm is for {LEARN_FOR_S:.0f} s.")
    for what, where in (
        ("services.yaml", shop.folder.services_file),
        ("logs", shop.folder.logs),
        ("supervisor", facts.rpc_url),
        ("database", facts.dsn),
        ("queue", facts.valkey_url),
        ("visitors", f"{facts.load_url}/view"),
        ("telemetry to", facts.akeso_url),
    ):
        print(f"{what:14} {where}")
    if detach:
        return
    screen.print("Ctrl-C closes it.")
    await _interrupted()
    await close(shop)


async def _interrupted() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


async def _inject(site: Site, name: str, target: str | None, draw: tuple[int, int]) -> None:
    (fault,) = chosen(name)
    injection = fault.drawn(*draw, target)
    await fault.inject(site, injection)
    print(json.dumps({"fault": name, "target": injection.target, "parameters": dict(injection.parameters)}))


async def _check(folder: RunFolder, faults: tuple[Fault, ...], seed: int, target: str | None) -> list[Proof]:
    proofs: list[Proof] = []
    opened = not (folder.facts_file.exists() and await is_open(Shop.at(folder)))
    shop = await prepare(Plan(folder, seed=seed)) if opened else Shop.at(folder)
    try:
        if opened:
            screen.print(f"The shop is open after {await start(shop):.1f} s.")
        site = Site(shop)
        if not (await site.visitors.view()).learnt:
            await site.visitors.begin_learning(LEARN_FOR_S)
            await site.visitors.wait_learnt(LEARN_FOR_S + 10)
        async for proof in prove(site, faults, seed, target):
            screen.print(f"{proof.fault} in {proof.target}: {'; '.join(proof.reasons) or 'nobody hurt'}")
            proofs.append(proof)
    finally:
        if opened:
            await close(shop)
    return proofs


async def _score(order: Order, akeso: str | None, key: str | None, run: Path | None) -> dict[str, Any]:
    # A run that does not come to its end must not leave the report of an earlier one.
    (order.out / "report.json").unlink(missing_ok=True)
    async with _bench(order, akeso, key, run) as bench:
        await warm_up(bench, _tell)
        progress = await score(bench, order, _tell)
    return progress.write()


def _bench(order: Order, akeso: str | None, key: str | None, run: Path | None) -> AbstractAsyncContextManager[Bench]:
    if akeso is not None:
        return given_bench(_folder(run), akeso, key or "")
    return own_bench(run.resolve() if run else None, order.out, order.seed, _tell)


def _tell(text: str) -> None:
    screen.print(text, highlight=False, soft_wrap=True)


def _folder(run: Path | None) -> RunFolder:
    return default_folder() if run is None else RunFolder(run.resolve())


def _site(run: Path | None) -> Site:
    return Site(Shop.at(_folder(run)))


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def begin() -> T:
        task = asyncio.current_task()
        if task is not None:
            # Told to end, a command still closes what it opened.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work()

    try:
        return asyncio.run(begin())
    except asyncio.CancelledError as exc:
        raise typer.Exit(128 + signal.SIGTERM) from exc
    except LabError as exc:
        screen.print(str(exc), style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from exc
