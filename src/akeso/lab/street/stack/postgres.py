"""Debian's PostgreSQL with its defaults, on the small disk; and the library's tables."""

import os
import pwd
import subprocess
from pathlib import Path

import asyncpg

from akeso.lab.errors import ShopError
from akeso.lab.street.stack.programs import Program

SERVER_USER = "postgres"
BOOKS = 4000
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS books (
    id integer PRIMARY KEY, title text NOT NULL, author text NOT NULL, copies integer NOT NULL DEFAULT 3
);
CREATE TABLE IF NOT EXISTS loans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, book integer NOT NULL REFERENCES books, member integer NOT NULL,
    receipt text, lent_at timestamptz NOT NULL DEFAULT now(), notified_at timestamptz
);
CREATE INDEX IF NOT EXISTS loans_of_member ON loans (member);
INSERT INTO books (id, title, author)
    SELECT n, 'Volume ' || md5(n::text), 'Author ' || n % 40 FROM generate_series(1, {BOOKS}) AS n
    ON CONFLICT DO NOTHING;
"""


def prepare_postgres(disk: Path, port: int) -> Program:
    """Make the cluster; returns the server's program. Raises ShopError."""
    user = SERVER_USER if os.geteuid() == 0 else None
    data = disk / "postgres"
    data.mkdir(mode=0o700)
    binaries = _binaries()
    initialise = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "library",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(data, entry.pw_uid, entry.pw_gid)
        disk.chmod(0o755)
    done = subprocess.run(initialise, cwd="/", capture_output=True, text=True, check=False, user=user, group=user)
    if done.returncode != 0:
        raise ShopError(f"initdb failed: {done.stderr.strip()}")
    places = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=")
    options = [part for place in places for part in ("-c", place)]
    return Program("postgres", [str(binaries / "postgres"), "-D", str(data), *options], user=user, stop_signal="INT")


async def create_tables(dsn: str) -> bool:
    """Make database, tables and books, if the server is up; returns whether it was."""
    try:
        connection = await asyncpg.connect(dsn, timeout=3)
        try:
            await connection.execute(SCHEMA)
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    return True


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise ShopError("PostgreSQL is missing; `bash scripts/services.sh up` installs it")
    return found[-1].parent
