"""Somebody's forgotten transaction: takes a lock on a table and idles: `python -m akeso.lab.analyst RUN-FOLDER`.

The table comes from `<run>/analyst.json`. The session ends with the process, or when the server ends it.
"""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg

from akeso.lab.shop.folder import RunFolder

LOCKABLE = ("stock", "orders")
ORDER_FILE = "analyst.json"


async def hold(dsn: str, table: str) -> None:
    """Hold the lock until the connection ends."""
    if table not in LOCKABLE:
        raise ValueError(f"no table {table!r} to lock")
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "analyst"})
    ended = asyncio.Event()
    connection.add_termination_listener(lambda _: ended.set())
    await connection.execute("BEGIN")
    await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    await ended.wait()


def main() -> None:
    """Lock what the order file names."""
    folder = RunFolder(Path(sys.argv[1]))
    order = json.loads((folder.path / ORDER_FILE).read_text())
    asyncio.run(hold(folder.facts().dsn, order["table"]))


if __name__ == "__main__":
    main()
