"""The whole run: shop and Akeso up, calm, every fault, report."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from akeso.lab.errors import NotReady, ShopError
from akeso.lab.faults.fault import Fault, Site
from akeso.lab.scoring.akeso_client import AkesoClient
from akeso.lab.scoring.akeso_process import launch_akeso, sender_key
from akeso.lab.scoring.calm import run_calm
from akeso.lab.scoring.case import Bench, run_case
from akeso.lab.scoring.report import Calm, Case, document
from akeso.lab.shop.folder import RunFolder, write_atomically
from akeso.lab.shop.opening import Plan, close, discard, prepare, start
from akeso.lab.shop.ports import free_ports
from akeso.lab.shop.running import Shop, eventually

WARM_UP_S = 40.0
LEARN_FOR_S = 20.0
READY_WITHIN_S = 60.0

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run."""

    faults: tuple[Fault, ...]
    repeat: int
    seed: int
    out: Path
    calm_s: float


@dataclass(slots=True)
class Progress:
    """What is known so far; written after each case, so that a run that is ended early leaves its report."""

    order: Order
    began: float = field(default_factory=time.time)
    calm: Calm | None = None
    cases: list[Case] = field(default_factory=list)
    stray: tuple[str, ...] = ()

    def write(self) -> dict[str, object]:
        """Write and return the report."""
        about = {
            "seed": self.order.seed,
            "repeat": self.order.repeat,
            "faults": [fault.name for fault in self.order.faults],
            "took_s": round(time.time() - self.began, 1),
            "stray_incidents": list(self.stray),
        }
        report = document(self.calm, self.cases, about)
        write_atomically(self.order.out / "report.json", json.dumps(report, indent=2) + "\n")
        return report


def sequence(order: Order) -> list[tuple[Fault, int]]:
    """Every fault once a repeat, in an order drawn from the seed."""
    cases: list[tuple[Fault, int]] = []
    for repeat in range(order.repeat):
        cases += [(fault, repeat) for fault in Random(f"{order.seed}/{repeat}").sample(order.faults, len(order.faults))]
    return cases


async def score(bench: Bench, order: Order, tell: Told) -> Progress:
    """Calm, then every case, on a warm shop and Akeso."""
    progress = Progress(order)
    if order.calm_s > 0:
        tell(f"calm for {order.calm_s:.0f} s, with a benign deploy and a benign change of traffic")
        progress.calm = await run_calm(bench.site, bench.akeso, order.calm_s, order.seed)
        progress.write()
    cases = sequence(order)
    for number, (fault, repeat) in enumerate(cases, start=1):
        case = await run_case(bench, fault, order.seed, repeat)
        progress.cases.append(case)
        progress.write()
        tell(f"{number}/{len(cases)} {told(case)}")
    progress.stray = await _stray(bench.akeso, progress)
    return progress


async def _stray(akeso: AkesoClient, progress: Progress) -> tuple[str, ...]:
    """Incidents that belong neither to the calm time nor to a case: opened while the shop was put right again."""
    calm_until = progress.began + (progress.calm.seconds if progress.calm else 0.0)
    counted = {incident.id for case in progress.cases for incident in case.incidents}
    return tuple(
        f"{incident.service}: {incident.title}"
        for incident in await akeso.incidents(calm_until)
        if incident.id not in counted
    )


def told(case: Case) -> str:
    """A case in a line."""
    known = case.as_json()
    applied = ", ".join(f"{action} {target}" for action, target in case.applied) or "nothing"
    return (
        f"{case.fault.name} in {case.injection.target}: detected after {known['delay_s']} s, "
        f"blamed {', '.join(case.ranked[:2]) or 'nobody'} ({known['fault_class']['got']}), did {applied}, "
        f"healed after {known['time_to_heal_s']} s"
    )


async def warm_up(bench: Bench, tell: Told) -> None:
    """Wait until visitors have learnt their bands and Akeso is ready and has seen enough. Raises NotReady."""
    tell(f"warming up for {WARM_UP_S:.0f} s")
    began = time.monotonic()
    await bench.site.visitors.begin_learning(LEARN_FOR_S)
    await eventually(bench.akeso.is_ready, "Akeso being ready", READY_WITHIN_S)
    view = await bench.site.visitors.wait_learnt(LEARN_FOR_S + 10.0)
    if not view.learnt:
        raise NotReady("the visitors did not learn what calm is")
    await asyncio.sleep(max(0.0, began + WARM_UP_S - time.monotonic()))


@asynccontextmanager
async def own_bench(
    run: Path | None, out: Path, seed: int, tell: Told, opening: Told | None = None
) -> AsyncIterator[Bench]:
    """A shop and an Akeso of our own, both ended at the end; their logs stay in `out`.

    Without `run` the shop is laid out in a temporary folder, which is deleted at the end. opening: is told step by step
    how far the opening is.
    """
    folder = RunFolder(run or Path(tempfile.mkdtemp(prefix="akeso-lab-")))
    (port,) = free_ports(1)
    data = _fresh(out / "akeso")
    shop = await prepare(Plan(folder, f"http://127.0.0.1:{port}", sender_key(data), seed))
    akeso = launch_akeso(data, folder.services_file, port)
    try:
        client = AkesoClient(akeso.url, await akeso.key())
        await eventually(client.is_ready, "Akeso being ready", READY_WITHIN_S)
        took = await start(shop, opening)
        tell(f"the shop is open after {took:.1f} s: {folder.path}")
        yield Bench(Site(shop), client)
    finally:
        await close(shop)
        await akeso.stop()
        shutil.copytree(folder.logs, out / "shop-logs", dirs_exist_ok=True)
        shutil.copy(folder.services_file, out / "services.yaml")
        if run is None:
            discard(folder)


def _fresh(data: Path) -> Path:
    """What an Akeso of an earlier run learnt must not help this one. Raises ShopError for a folder that is none."""
    if data.exists():
        if not (data / "akeso.log").exists():
            raise ShopError(f"{data} is not the data folder of an earlier run")
        shutil.rmtree(data)
    return data


@asynccontextmanager
async def given_bench(folder: RunFolder, url: str, key: str) -> AsyncIterator[Bench]:
    """A shop that is open and an Akeso that knows it; neither is ended."""
    yield Bench(Site(Shop.at(folder)), AkesoClient(url, key))
