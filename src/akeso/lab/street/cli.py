"""`akeso lab street`: a stack of ordinary software that nobody made for Akeso, its faults, and their scorer."""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console

from akeso.lab.errors import LabError, UnknownFault
from akeso.lab.load.client import View
from akeso.lab.scoring.akeso_process import key_beside
from akeso.lab.street.check import Proof, prove
from akeso.lab.street.console import cases_table, faults_table, proofs_table, summary_table
from akeso.lab.street.faults.fault import Fault
from akeso.lab.street.faults.register import FAULTS, chosen
from akeso.lab.street.faults.restore import restore
from akeso.lab.street.folder import StreetFolder, default_street
from akeso.lab.street.namespaces import enter_new, enter_those_of
from akeso.lab.street.scoring.run import Order, score
from akeso.lab.street.stack.opening import StreetPlan, close, is_up, prepare, start
from akeso.lab.street.stack.street import Street
from akeso.lab.street.telling.ways import way_of

T = TypeVar("T")
LEARN_FOR_S = 20.0

app = typer.Typer(no_args_is_help=True, help="A stranger's stack: ordinary software, its faults, and their scorer.")
screen = Console(stderr=True)

RunOption = Annotated[Path | None, typer.Option("--run", help="The street's folder.")]
FaultsOption = Annotated[str, typer.Option("--faults", help="`all`, `faults`, `benign` or names separated by commas.")]
TellOption = Annotated[str, typer.Option("--tell", help="otlp, write, everything or pull.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def up(
    run: RunOption = None,
    tell: TellOption = "everything",
    akeso: Annotated[str | None, typer.Option(help="Where telemetry goes; else nobody is told.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="AKESO_INGEST_KEY", help="Key of a sender; default: ./akeso-data/ingest.key.")
    ] = None,
    own_network: Annotated[
        bool, typer.Option("--own-network", help="In a network of its own, on the usual ports.")
    ] = False,
    seed: Annotated[int, typer.Option(help="What the visitors do is drawn from it.")] = 0,
) -> None:
    """Bring the street up; it stays up until `down`."""
    if own_network and akeso is not None:
        raise typer.BadParameter("an Akeso outside cannot be told from a network of its own", param_hint="--akeso")
    enter_new(network=own_network)
    _run(lambda: _up(StreetPlan(_folder(run), tell, akeso, key or key_beside(), seed)))


@app.command()
def down(run: RunOption = None) -> None:
    """Take the street down."""
    _inside(run)
    _run(lambda: close(_street(run)))


@app.command()
def faults(as_json: JsonOption = False) -> None:
    """List what can be brought about, and the truth about it."""
    if as_json:
        print(json.dumps([_described(fault) for fault in FAULTS.values()]))
    else:
        Console().print(faults_table(tuple(FAULTS.values())))


@app.command()
def inject(fault: Annotated[str, typer.Argument(help="See `akeso lab street faults`.")], run: RunOption = None) -> None:
    """Bring about a fault on the running street."""
    _inside(run)
    _run(lambda: _inject(_street(run), fault))


@app.command()
def clear(run: RunOption = None) -> None:
    """Bring the street back to how it was brought up."""
    _inside(run)
    for undone in _run(lambda: restore(_street(run))):
        print(undone)


@app.command()
def view(run: RunOption = None) -> None:
    """How the visitors find the library just now."""
    _inside(run)

    async def ask() -> View:
        return await _street(run).visitors.view()

    print(json.dumps(_run(ask).raw, indent=2))


@app.command()
def check(faults: FaultsOption = "all", run: RunOption = None, as_json: JsonOption = False) -> None:
    """Prove every fault without Akeso: it hurts visitors, and ends when undone. Brings a street up if none is."""
    wanted = _chosen(faults)
    if _run(lambda: _is_up(_folder(run))):
        _inside(run)
    else:
        enter_new(network=True)
    proofs = _run(lambda: _check(_folder(run), wanted))
    if as_json:
        print(json.dumps([{**asdict(proof), "holds": proof.holds} for proof in proofs]))
    else:
        Console().print(proofs_table(proofs))
    if not all(proof.holds for proof in proofs):
        raise typer.Exit(1)


@app.command("run")
def run_command(  # noqa: PLR0913, PLR0917 - each is an option of the command
    tell: TellOption = "everything",
    faults: FaultsOption = "all",
    repeat: Annotated[int, typer.Option(min=1, help="How often each fault.")] = 1,
    seed: Annotated[int, typer.Option(help="What orders and visitors are drawn from.")] = 0,
    out: Annotated[Path, typer.Option(help="Where report.json goes.")] = Path("out/street"),
    warm: Annotated[float, typer.Option(min=20, help="Seconds that Akeso learns first.")] = 60.0,
    calm: Annotated[float, typer.Option(min=0, help="Seconds of normal life, 0 for none.")] = 300.0,
    hold: Annotated[float, typer.Option(min=10, help="Seconds that a fault lasts.")] = 150.0,
    after: Annotated[float, typer.Option(min=0, help="Seconds to look after it was undone.")] = 60.0,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score an Akeso of its own: normal life with a nightly job and a deploy, then every fault; writes report.json."""
    order = Order(_chosen(faults), _way(tell), out.resolve(), repeat, seed, warm, calm, hold, after)
    enter_new(network=True)
    report = _run(lambda: score(order, run.resolve() if run else None, _tell))
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(cases_table(report), summary_table(report))


async def _up(plan: StreetPlan) -> None:
    street = await prepare(plan)
    try:
        took = await start(street)
    except BaseException:
        await close(street)
        raise
    await street.visitors.begin_learning(LEARN_FOR_S)
    facts = street.facts
    screen.print(f"The street is up after {took:.1f} s; its visitors learn what calm is for {LEARN_FOR_S:.0f} s.")
    where = {
        "folder": street.folder.path,
        "services.yaml": street.folder.services_file,
        "site": street.addresses.site,
        "prometheus": f"http://127.0.0.1:{facts.ports['prometheus']}",
        "alertmanager": f"http://127.0.0.1:{facts.ports['alertmanager']}",
        "told": f"{facts.akeso_url or 'nobody'} ({facts.way})",
        "network": "its own" if facts.own_network else "the machine's",
        "disk": facts.disk,
    }
    for what, place in where.items():
        screen.print(f"{what:14} {place}", highlight=False)


async def _is_up(folder: StreetFolder) -> bool:
    return folder.facts_file.exists() and await is_up(Street.at(folder))


async def _inject(street: Street, name: str) -> None:
    (fault,) = chosen(name)
    if not fault.possible_on(street):
        raise UnknownFault(f"{name} needs {', '.join(fault.needs)}, which this street has not")
    await fault.inject(street)
    print(json.dumps(_described(fault)))


async def _check(folder: StreetFolder, wanted: tuple[Fault, ...]) -> list[Proof]:
    proofs: list[Proof] = []
    opened = not await _is_up(folder)
    street = await prepare(StreetPlan(folder, "write")) if opened else Street.at(folder)
    try:
        if opened:
            screen.print(f"The street is up after {await start(street):.1f} s.")
        await street.visitors.begin_learning(LEARN_FOR_S)
        await street.visitors.wait_learnt(LEARN_FOR_S + 10)
        async for proof in prove(street, tuple(fault for fault in wanted if fault.possible_on(street))):
            screen.print(f"{proof.fault}: {proof.error or '; '.join(proof.reasons) or 'nobody hurt'}", highlight=False)
            proofs.append(proof)
    finally:
        if opened:
            await close(street)
    return proofs


def _described(fault: Fault) -> dict[str, Any]:
    about = {"fault": fault.name, "family": fault.family, "about": fault.about, "undone": fault.undone}
    return {**about, "benign": fault.benign, "needs": fault.needs, "truth": asdict(fault.truth)}


def _folder(run: Path | None) -> StreetFolder:
    return default_street() if run is None else StreetFolder(run.resolve())


def _street(run: Path | None) -> Street:
    return Street.at(_folder(run))


def _inside(run: Path | None) -> None:
    try:
        enter_those_of(_folder(run))
    except LabError as exc:
        _refuse(exc)


def _chosen(names: str) -> tuple[Fault, ...]:
    try:
        return chosen(names)
    except LabError as exc:
        _refuse(exc)


def _way(name: str) -> str:
    try:
        return way_of(name).name
    except LabError as exc:
        _refuse(exc)


def _tell(text: str) -> None:
    screen.print(text, highlight=False, soft_wrap=True)


def _refuse(exc: LabError) -> NoReturn:
    screen.print(str(exc), style="red", soft_wrap=True, highlight=False)
    raise typer.Exit(2) from exc


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def begin() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def end() -> None:
            # Told again, it still takes down what it brought up.
            loop.add_signal_handler(signal.SIGTERM, lambda: None)
            if task is not None:
                task.cancel()

        loop.add_signal_handler(signal.SIGTERM, end)
        return await work()

    try:
        return asyncio.run(begin())
    except asyncio.CancelledError as exc:
        raise typer.Exit(128 + signal.SIGTERM) from exc
    except LabError as exc:
        _refuse(exc)
