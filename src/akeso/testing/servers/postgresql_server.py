"""PostgreSQL itself: the server of the wheel, as processes of its own."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import asyncpg

from akeso.lab.shop.servers import postgresql_binaries

_SUPERUSER = "postgres"
_OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB"


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A server of its own, reached through the socket in `home`, so that it takes no port. As root it runs as `nobody`,
    because it refuses to run as root."""

    binaries: Path
    home: Path
    user: str | None
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def made(cls, home: Path) -> "PostgreSQL":
        """A server with its data in `home`, which is an empty folder; not started."""
        user = "nobody" if os.geteuid() == 0 else None
        binaries = postgresql_binaries()
        if user is not None:
            os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
            if subprocess.run(["test", "-x", binaries / "postgres"], user=user, check=False).returncode != 0:
                # The folders above belong to root alone, so the server cannot be run where it is.
                shutil.copytree(binaries.parent, home / "server")
                binaries = home / "server" / binaries.name
        server = cls(binaries, home, user)
        settled = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        server._run("initdb", "-D", "data", "-U", _SUPERUSER, *settled)
        return server

    def start(self) -> None:
        """Returns once it answers."""
        options = f"{_OPTIONS} -c listen_addresses='' -c unix_socket_directories='{self.home}'"
        self._run("pg_ctl", "start", "-w", "-t", "30", "-D", "data", "-l", "log", "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """mode: as pg_ctl has it."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", mode)

    async def new_database(self) -> str:
        """The address of an empty database."""
        name = f"akeso_{next(self._numbers)}"
        connection = await asyncpg.connect(host=str(self.home), user=_SUPERUSER, database="postgres")
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return f"postgresql+asyncpg://{_SUPERUSER}@/{name}?host={self.home}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        with (self.home / f"{program}.out").open("w+") as out:
            # A file, not a pipe: the server inherits it and would keep a pipe open.
            ended = subprocess.run(command, cwd=self.home, stdout=out, stderr=out, user=self.user, check=False)
            out.seek(0)
            assert ended.returncode == 0, f"{program} failed: {out.read()}"
