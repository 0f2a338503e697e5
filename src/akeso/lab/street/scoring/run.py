"""The whole run: street and Akeso up, normal life, every fault, report."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from akeso.lab.errors import LabError, NotReady, ShopError
from akeso.lab.scoring.akeso_client import AkesoClient, Incident
from akeso.lab.scoring.akeso_process import SETTINGS, launch_akeso, sender_key
from akeso.lab.shop.folder import write_atomically
from akeso.lab.shop.running import eventually
from akeso.lab.street.check import pain
from akeso.lab.street.faults.fault import Fault
from akeso.lab.street.faults.life import fine_deploy, run_job
from akeso.lab.street.faults.restore import restore
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.scoring.baseline import AlertWatch
from akeso.lab.street.scoring.case import Case, Seen
from akeso.lab.street.scoring.report import Life, document
from akeso.lab.street.stack.opening import OWN, StreetPlan, close, discard, prepare, start
from akeso.lab.street.stack.street import Street
from akeso.lab.street.telling.ways import way_of

LEARN_FOR_S = 20.0
READY_WITHIN_S = 90.0
LOOK_EVERY_S = 1.0
CALM_FOR_S, CALM_WITHIN_S = 4.0, 60.0
WELL_FOR_S = 8.0
BENIGN_FOR_S = 60.0
OWN_DOORS = ("grpc_port=0", "otlp_http_port=0")

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run. warm_s: seconds that Akeso learns before normal life; calm_s: of normal life, 0 for none;
    hold_s: how long a fault lasts; after_s: how long one looks after it was undone."""

    faults: tuple[Fault, ...]
    way: str
    out: Path
    repeat: int = 1
    seed: int = 0
    warm_s: float = 60.0
    calm_s: float = 300.0
    hold_s: float = 150.0
    after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where cases run."""

    street: Street
    akeso: AkesoClient
    alerts: AlertWatch


@dataclass(slots=True)
class Progress:
    """What is known so far; written after each case, so that a run that is ended early leaves its report."""

    order: Order
    began: float = field(default_factory=time.time)
    life: Life | None = None
    cases: list[Case] = field(default_factory=list)

    def write(self) -> dict[str, Any]:
        """Write and return the report."""
        order = self.order
        about = {
            "way": order.way, "seed": order.seed, "repeat": order.repeat, "warm_s": order.warm_s,
            "calm_s": order.calm_s, "hold_s": order.hold_s, "after_s": order.after_s,
            "faults": [fault.name for fault in order.faults], "took_s": round(time.time() - self.began, 1),
            "load": [round(each, 1) for each in os.getloadavg()],
        }  # fmt: skip
        report = document(self.life, self.cases, about)
        write_atomically(order.out / "report.json", json.dumps(report, indent=2) + "\n")
        return report


async def score(order: Order, run: Path | None, tell: Told) -> dict[str, Any]:
    """Normal life, then every case; the report is also written to `order.out`. Raises LabError."""
    (order.out / "report.json").unlink(missing_ok=True)
    async with own_bench(order, run, tell) as bench:
        await _warm_up(bench, order, tell)
        progress = Progress(order)
        if order.calm_s > 0:
            tell(f"normal life for {order.calm_s:.0f} s, with the nightly job and a deploy")
            progress.life = await _live(bench, order.calm_s)
            progress.write()
            tell(f"  {len(progress.life.incidents)} incidents; visitors were hurt for {progress.life.pain_s:.0f} s")
        for fault, repeat in _sequence(order, bench.street):
            case = await run_case(bench, order, fault, repeat)
            progress.cases.append(case)
            progress.write()
            tell(told(case))
    return progress.write()


def _sequence(order: Order, street: Street) -> list[tuple[Fault, int]]:
    """Every fault that this street can have, once a repeat, in an order drawn from the seed."""
    possible = [fault for fault in order.faults if fault.possible_on(street)]
    cases: list[tuple[Fault, int]] = []
    for repeat in range(order.repeat):
        cases += [(fault, repeat) for fault in Random(f"{order.seed}/{repeat}").sample(possible, len(possible))]
    return cases


async def _warm_up(bench: Bench, order: Order, tell: Told) -> None:
    tell(f"warming up for {order.warm_s:.0f} s")
    began = time.monotonic()
    await bench.street.visitors.begin_learning(LEARN_FOR_S)
    if not (await bench.street.visitors.wait_learnt(LEARN_FOR_S + 10.0)).learnt:
        raise NotReady("the visitors did not learn what calm is")
    await asyncio.sleep(max(0.0, began + order.warm_s - time.monotonic()))


async def _live(bench: Bench, seconds: float) -> Life:
    """A third quiet, the nightly job, a third quiet, a deploy, quiet again."""
    began = time.time()
    await asyncio.sleep(seconds / 3)
    await run_job(bench.street)
    await asyncio.sleep(seconds / 3)
    await fine_deploy(bench.street)
    await asyncio.sleep(max(0.0, began + seconds - time.time()))
    lived = time.time()
    hurt_s = pain(await bench.street.visitors.view(), began, lived)
    return Life(lived - began, hurt_s, await bench.akeso.incidents(began), bench.alerts.between(began, lived))


async def run_case(bench: Bench, order: Order, fault: Fault, repeat: int) -> Case:
    """One injection, what came of it, and everything put right again."""
    await _through(bench, order.after_s)
    await bench.street.visitors.wait_healthy(CALM_FOR_S, CALM_WITHIN_S)
    injected_at, error = time.time(), None
    injecting = asyncio.ensure_future(fault.inject(bench.street))
    hold_s = min(order.hold_s, BENIGN_FOR_S) if fault.benign else order.hold_s
    hurt_at, well_at = await _watch(bench, fault, injected_at, hold_s)
    try:
        await injecting
        undone_at = time.time()
        await fault.clear(bench.street)
    except LabError as exc:
        undone_at, error = time.time(), f"{type(exc).__name__}: {exc}"
    restored = await restore(bench.street)
    incidents = await _settled(bench, injected_at, order.after_s)
    if error is None and hurt_at is None and not fault.benign:
        error = "no visitor was hurt"
    seen = Seen(injected_at, undone_at, hurt_at, well_at, error)
    return Case(fault, repeat, seen, incidents, bench.alerts.between(injected_at, undone_at), restored)


async def _watch(bench: Bench, fault: Fault, since: float, hold_s: float) -> tuple[float | None, float | None]:
    """When visitors were first hurt, and when they were well again for good because a healer ended the fault."""
    hurt_at: float | None = None
    while time.time() - since < hold_s:
        await asyncio.sleep(LOOK_EVERY_S)
        view = await bench.street.visitors.view()
        hurt_at = hurt_at or view.first_unhealthy_after(since)
        if hurt_at is not None and view.healthy_for() >= WELL_FOR_S and not await _active(bench, fault):
            return hurt_at, view.since
    return hurt_at, None


async def _active(bench: Bench, fault: Fault) -> bool:
    try:
        return await fault.active(bench.street)
    except (LabError, OSError):
        return True


async def _through(bench: Bench, within_s: float) -> None:
    """Akeso is through with what was before, or had its time: cases are to stand for themselves."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if all(incident.terminal for incident in await bench.akeso.incidents(0.0)):
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _settled(bench: Bench, since: float, after_s: float) -> tuple[Incident, ...]:
    """The incidents since the injection, after the time to look: late telemetry may open more."""
    await asyncio.sleep(after_s)
    return await bench.akeso.incidents(since)


def told(case: Case) -> str:
    """A case in a line."""
    known = case.as_json()
    happened = f"{case.fault.name}: hurt after {known['hurt_after_s']} s, "
    if case.first is None:
        return f"{happened}no incident; {case.seen.error or 'alert: ' + str(known['baseline']['alert'])}"
    return (
        f"{happened}{len(case.incidents)} incidents, the first after {known['delay_s']} s: {case.first.title}; "
        f"blamed {', '.join(case.ranked[:2]) or 'nobody'} ({case.kind}), did {known['effects']['applied'] or 'nothing'}"
    )


@asynccontextmanager
async def own_bench(order: Order, run: Path | None, tell: Told) -> AsyncIterator[Bench]:
    """A street and an Akeso of our own, both ended at the end; their logs stay in `order.out`.

    Without `run` the street is laid out in a temporary folder, which is deleted at the end.
    """
    folder = StreetFolder(run or Path(tempfile.mkdtemp(prefix="akeso-street-")))
    data = _fresh(order.out / "akeso")
    street = await prepare(StreetPlan(folder, order.way, OWN, sender_key(data), order.seed))
    ports = street.facts.ports
    settings = (*SETTINGS, *OWN_DOORS, *way_of(order.way).settings(ports))
    akeso = launch_akeso(data, folder.services_file, ports["akeso"], settings)
    watching: asyncio.Task[None] | None = None
    try:
        client = AkesoClient(akeso.url, await akeso.key())
        await eventually(client.is_ready, "Akeso being ready", READY_WITHIN_S)
        tell(f"the street is up after {await start(street):.1f} s: {folder.path}")
        alerts = AlertWatch(f"http://127.0.0.1:{ports['prometheus']}")
        watching = asyncio.create_task(alerts.watch())
        yield Bench(street, client, alerts)
    finally:
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await close(street)
        await akeso.stop()
        shutil.copytree(folder.logs, order.out / "street-logs", dirs_exist_ok=True)
        if run is None:
            discard(folder)


def _fresh(data: Path) -> Path:
    """What an Akeso of an earlier run learnt must not help this one. Raises ShopError for a folder that is none."""
    if data.exists():
        if not (data / "akeso.log").exists():
            raise ShopError(f"{data} is not the data folder of an earlier run")
        shutil.rmtree(data)
    return data
