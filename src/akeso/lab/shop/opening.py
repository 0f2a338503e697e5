"""Opening and closing the shop."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from akeso.lab.errors import ShopError, ShopNotRunning
from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.folder import Facts, RunFolder, write_atomically
from akeso.lab.shop.ports import free_ports
from akeso.lab.shop.release_artifacts import stock_shelves
from akeso.lab.shop.running import Shop, eventually, is_alive
from akeso.lab.shop.servers import DATABASE_USER, create_schema, prepare_database, valkey_command
from akeso.lab.shop.services_file import services_document
from akeso.lab.shop.supervision import supervisor_configuration

OPEN_WITHIN_S = 40.0
CLOSE_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a shop is to be opened; `akeso_key` goes along with its telemetry and change events."""

    folder: RunFolder
    akeso_url: str | None = None
    akeso_key: str | None = None
    seed: int = 0


def default_folder() -> RunFolder:
    """Where this user's shop is unless told otherwise."""
    return RunFolder(Path(tempfile.gettempdir()) / f"akeso-lab-{os.getuid()}")


async def prepare(plan: Plan) -> Shop:
    """Lay out the folder, the release artifacts, the database and every configuration; nothing runs yet.

    Raises ShopError when a shop runs there already or when the folder holds something else.
    """
    folder = plan.folder
    await _clear_folder(folder)
    rpc, database, valkey, flags, load = free_ports(5)
    facts = Facts(
        rpc_url=f"http://127.0.0.1:{rpc}/RPC2",
        dsn=f"postgresql://{DATABASE_USER}@127.0.0.1:{database}/postgres",
        valkey_url=f"redis://127.0.0.1:{valkey}/0",
        flags_url=f"http://127.0.0.1:{flags}",
        load_url=f"http://127.0.0.1:{load}",
        akeso_url=plan.akeso_url,
        akeso_key=plan.akeso_key,
        seed=plan.seed,
    )
    folder.save(facts)
    for blueprint in SHOP.services:
        folder.endpoints(blueprint.name).mkdir(parents=True)
    folder.logs.mkdir()
    stock_shelves(folder)
    commands = {
        "postgresql": await asyncio.to_thread(prepare_database, folder, database),
        "valkey": valkey_command(folder, valkey),
    }
    configuration = supervisor_configuration(folder, rpc, commands, plan.akeso_url, plan.akeso_key)
    write_atomically(folder.supervisor_file, configuration)
    write_atomically(folder.services_file, services_document(folder, facts))
    return Shop(folder, facts)


async def start(shop: Shop, tell: Callable[[str], None] | None = None) -> float:
    """Start everything and wait until every default instance is ready; returns the seconds it took. tell: is told how
    far the opening is."""
    began = time.monotonic()
    await asyncio.to_thread(_launch_supervisor, shop)
    await eventually(lambda: _schema(shop.facts.dsn), "the database coming up", OPEN_WITHIN_S)
    instances = [(blueprint.name, name) for blueprint in SHOP.services for name in blueprint.default_names]
    for number, (service, name) in enumerate(instances):
        if tell is not None:
            tell(f"{number} of {len(instances)} processes of the shop are ready")
        await shop.ready(service, name)
    return time.monotonic() - began


def _launch_supervisor(shop: Shop) -> None:
    """Start the supervisor, which becomes a daemon: the shop outlives the command that opened it."""
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(shop.folder.supervisor_file)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False, text=True)
    if done.returncode != 0:
        raise ShopError(f"the supervisor did not start: {done.stderr.strip() or done.stdout.strip()}")


async def close(shop: Shop) -> None:
    """Stop every process of the shop and the supervisor, and wait for it. The folder stays."""
    file = shop.folder.path / "supervisord.pid"
    try:
        pid = int(file.read_text())
        await shop.supervisor.shutdown()
    except (FileNotFoundError, ShopNotRunning):
        return
    await eventually(lambda: _ended(pid), "the end of the supervisor", CLOSE_WITHIN_S)


async def is_open(shop: Shop) -> bool:
    """Whether its supervisor answers."""
    return not await _silent(shop)


async def _ended(pid: int) -> bool:
    return not is_alive(pid)


async def _silent(shop: Shop) -> bool:
    try:
        await shop.supervisor.programs()
    except ShopNotRunning:
        return True
    except ShopError:
        return False  # it is shutting down and still holds its port
    return False


async def _schema(dsn: str) -> bool:
    try:
        await create_schema(dsn)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    return True


async def _clear_folder(folder: RunFolder) -> None:
    if folder.facts_file.exists():
        if await is_open(Shop.at(folder)):
            raise ShopError(f"a shop runs in {folder.path} already; close it with `akeso lab down`")
        discard(folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    if any(folder.path.iterdir()):
        raise ShopError(f"{folder.path} holds files that are not a shop's; choose another folder")
    # The database may belong to another user, who has to walk through.
    folder.path.chmod(0o755)


def discard(folder: RunFolder) -> None:
    """Delete the folder of a shop that is closed."""
    elsewhere = folder.path / "postgresql"
    if elsewhere.is_symlink():
        shutil.rmtree(elsewhere.resolve(), ignore_errors=True)
    shutil.rmtree(folder.path)
