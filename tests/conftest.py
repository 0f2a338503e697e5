"""Fixtures for tests that want a real database or a real broker."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from akeso.lab.shop.servers import postgresql_binaries
from akeso.testing.servers.kafka_server import KafkaServer

SUPERUSER = "postgres"
OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB"


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A server of its own, reached through the socket in `home`, so that it takes no port."""

    binaries: Path
    home: Path
    user: str | None

    def start(self) -> None:
        self.run("pg_ctl", "start", "-w", "-t", "30", "-D", "data", "-l", "log", "-o", self.options)

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "stop", "-w", "-D", "data", "-m", mode)

    def initialise(self) -> None:
        settled = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.run("initdb", "-D", "data", "-U", SUPERUSER, *settled)

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{SUPERUSER}@/{database}?host={self.home}"

    @property
    def options(self) -> str:
        return f"{OPTIONS} -c listen_addresses='' -c unix_socket_directories='{self.home}'"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        with (self.home / f"{program}.out").open("w+") as out:
            # A file, not a pipe: the server inherits it and would keep a pipe open.
            ended = subprocess.run(command, cwd=self.home, stdout=out, stderr=out, user=self.user, check=False)
            out.seek(0)
            assert ended.returncode == 0, f"{program} failed: {out.read()}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server from its wheel. As root it runs as `nobody`, because it refuses to run as root."""
    user = "nobody" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="akeso-pg-"))
    binaries = postgresql_binaries()
    if user is not None:
        os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        if subprocess.run(["test", "-x", binaries / "postgres"], user=user, check=False).returncode != 0:
            # The folders above belong to root alone, so the server cannot be run where it is.
            shutil.copytree(binaries.parent, home / "server")
            binaries = home / "server" / binaries.name
    server = PostgreSQL(binaries, home, user)
    server.initialise()
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home)


_numbers = count(1)


@pytest.fixture
async def postgresql_url(postgresql: PostgreSQL) -> str:
    """The address of an empty database."""
    name = f"akeso_{next(_numbers)}"
    connection = await asyncpg.connect(host=str(postgresql.home), user=SUPERUSER, database="postgres")
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return postgresql.url(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite+aiosqlite:///{tmp_path / 'akeso.db'}"


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    broker = KafkaServer(tmp_path_factory.mktemp("kafka"), Path(__file__).parents[1] / ".services" / "kafka")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def kafka(kafka_broker: KafkaServer) -> Iterator[KafkaServer]:
    """A broker with nothing in it."""
    yield kafka_broker
    kafka_broker.empty()
