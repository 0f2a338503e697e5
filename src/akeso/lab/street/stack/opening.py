"""Bringing the street up and taking it down."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from akeso.lab.errors import NotReady, ShopError, ShopNotRunning
from akeso.lab.shop.folder import write_atomically
from akeso.lab.shop.running import eventually, is_alive
from akeso.lab.street.folder import Facts, StreetFolder
from akeso.lab.street.namespaces import here, raise_loopback
from akeso.lab.street.stack.brokers import rabbitmq_programs, redis_program
from akeso.lab.street.stack.certificates import make_certificates
from akeso.lab.street.stack.disk import mount_disk
from akeso.lab.street.stack.hosts import name_machines
from akeso.lab.street.stack.nginx import nginx_program
from akeso.lab.street.stack.people import people_programs
from akeso.lab.street.stack.ports import chosen_ports
from akeso.lab.street.stack.postgres import create_tables, prepare_postgres
from akeso.lab.street.stack.programs import Program, supervisor_text
from akeso.lab.street.stack.services import Exported, deliver_first, service_programs
from akeso.lab.street.stack.services_file import services_text
from akeso.lab.street.stack.signals import signal_tree
from akeso.lab.street.stack.street import Street, answering
from akeso.lab.street.stack.throttle import speed_up
from akeso.lab.street.stack.watchers import watcher_programs
from akeso.lab.street.telling.ways import Way, way_of

OWN = "own"
UP_WITHIN_S = 60.0
DOWN_WITHIN_S = 40.0
VISITING = 3
KEPT_FROM_THE_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """How a street is to be brought up. akeso_url: None tells nobody, OWN the one on the street's port."""

    folder: StreetFolder
    way: str = "everything"
    akeso_url: str | None = None
    akeso_key: str | None = None
    seed: int = 0


async def prepare(plan: StreetPlan) -> Street:
    """Lay out folder, disk, names, certificates, code and every configuration; nothing runs yet.

    Raises ShopError when a street runs there already or when the folder holds something else.
    """
    folder, way, own = plan.folder, way_of(plan.way), here()
    await _clear(folder)
    raise_loopback()
    ports = chosen_ports(own.network)
    if own.mounts:
        name_machines(folder)
    disk, place = mount_disk(folder, own.mounts)
    akeso_url = f"http://127.0.0.1:{ports['akeso']}" if plan.akeso_url == OWN else plan.akeso_url
    facts = Facts(ports, way.name, own.network, own.mounts, disk, str(place), plan.seed, akeso_url, plan.akeso_key)
    folder.save(facts)
    folder.logs.mkdir()
    street = Street(folder, facts)
    programs = await asyncio.to_thread(_lay_out, street, way)
    write_atomically(folder.supervisor_file, supervisor_text(folder, ports["supervisor"], programs))
    phases = "\n".join(f"{each.phase} {each.full_name}" for each in programs if each.phase is not None)
    write_atomically(folder.path / "phases", phases)
    write_atomically(folder.services_file, services_text(folder, street.supervisor.url, street.dsn))
    return street


def _lay_out(street: Street, way: Way) -> tuple[Program, ...]:
    folder, facts, addresses = street.folder, street.facts, street.addresses
    make_certificates(folder)
    deliver_first(folder, addresses)
    otlp = Exported(facts.akeso_url, facts.akeso_key) if way.otlp and facts.akeso_url else None
    return (
        prepare_postgres(Path(facts.disk_place), facts.ports["postgres"]),
        redis_program(folder, facts.ports),
        *rabbitmq_programs(folder, facts.ports),
        *watcher_programs(folder, addresses, way.listeners(facts.akeso_url, facts.akeso_key)),
        nginx_program(folder, facts.ports),
        *service_programs(folder, addresses, otlp),
        *people_programs(folder, addresses),
    )


async def start(street: Street) -> float:
    """Start everything and wait until it serves; returns the seconds it took. Raises ShopError or NotReady."""
    began = time.monotonic()
    await asyncio.to_thread(_launch_supervisor, street)
    for phase, names in street.phases().items():
        if phase == VISITING:
            await _served(street)
        for name in names:
            await street.supervisor.start(name)
        if phase == 0:
            await eventually(lambda: create_tables(street.dsn), "the database coming up", UP_WITHIN_S)
            await _queue_open(street)
    await answering(f"http://127.0.0.1:{street.facts.ports['visitors']}/view")
    return time.monotonic() - began


async def _queue_open(street: Street) -> None:
    async def opens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", street.facts.ports["rabbitmq"])
        except OSError:
            return False
        writer.close()
        return True

    await eventually(opens, "the queue coming up", UP_WITHIN_S)


async def _served(street: Street) -> None:
    ports = street.facts.ports
    for name in ("catalog_0", "catalog_1", "loans", "web"):
        await answering(f"http://127.0.0.1:{ports[name]}/healthz")
    for name, path in (("nginx", "/"), ("prometheus", "/-/ready"), ("alertmanager", "/-/ready")):
        await answering(f"http://127.0.0.1:{ports[name]}{path}")


def _launch_supervisor(street: Street) -> None:
    """Start the supervisor, which becomes a daemon: the street outlives the command that brought it up."""
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(street.folder.supervisor_file)]
    environment = {name: os.environ[name] for name in KEPT_FROM_THE_ENVIRONMENT if name in os.environ}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False, text=True, env=environment
    )
    if done.returncode != 0:
        raise ShopError(f"the supervisor did not start: {done.stderr.strip() or done.stdout.strip()}")


async def close(street: Street) -> None:
    """Stop every process of the street and the supervisor, and wait for it. The folder stays."""
    keeper = street.folder.keeper()
    if keeper is None or not is_alive(keeper):
        return
    speed_up(street.folder)
    try:
        for program in await street.supervisor.programs():
            # A stopped process does not hear that it is to end.
            signal_tree(program.pid, signal.SIGCONT)
        await street.supervisor.shutdown()
    except ShopNotRunning:
        return
    try:
        await eventually(lambda: _ended(keeper), "the end of the supervisor", DOWN_WITHIN_S)
    except NotReady:
        signal_tree(keeper, signal.SIGKILL)
        raise


async def is_up(street: Street) -> bool:
    """Whether its supervisor runs."""
    keeper = street.folder.keeper()
    return keeper is not None and is_alive(keeper)


async def _ended(pid: int) -> bool:
    return not is_alive(pid)


async def _clear(folder: StreetFolder) -> None:
    if folder.facts_file.exists():
        if await is_up(Street.at(folder)):
            raise ShopError(f"a street is up in {folder.path} already; take it down with `akeso lab street down`")
        discard(folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    if any(folder.path.iterdir()):
        raise ShopError(f"{folder.path} holds files that are not a street's; choose another folder")
    # The database belongs to another user, who has to walk through.
    folder.path.chmod(0o755)


def discard(folder: StreetFolder) -> None:
    """Delete the folder of a street that is down."""
    shutil.rmtree(folder.path)
