"""The one thread that writes to a SQLite telemetry store.

Everything that waits goes into one transaction, so that the price of a sync to disk is shared. After a failure the
connection is opened anew with the next group: a disk that was full, or gone, is used again as soon as it is back.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import structlog

from akeso.domain.errors import Unavailable
from akeso.engine.fairness import Shares

log = structlog.get_logger(__name__)

Work: TypeAlias = Callable[[sqlite3.Connection], int]

_GROUP = 1024
_BUSY_S = 5.0
_PAGE_BYTES = 4096
_INCREMENTAL = 2  # of SQLite's auto_vacuum
_CONTENT = ("tenant", "oldest", "newest", "kinds")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    tenant TEXT,
    oldest INTEGER,
    newest INTEGER,
    kinds INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS batches_received_at ON batches (received_at);
CREATE INDEX IF NOT EXISTS batches_content ON batches (tenant, newest, oldest, kinds);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


def connect(path: Path, largest_bytes: int | None = None) -> sqlite3.Connection:
    """A connection with the schema in place. Raises Unavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as bad:
        raise Unavailable(f"the telemetry store {path} cannot be opened: {bad}") from bad
    try:
        _be_able_to_shrink(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # Some builds overwrite what is deleted: forgetting would then write as much as it forgets.
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("PRAGMA journal_size_limit=67108864")
        if largest_bytes is not None:
            connection.execute(f"PRAGMA max_page_count={max(1, largest_bytes // _PAGE_BYTES)}")
        _extend(connection)
        connection.executescript(_SCHEMA)
    except sqlite3.Error as bad:
        connection.close()
        raise Unavailable(f"the telemetry store {path} cannot be opened: {bad}") from bad
    return connection


def _be_able_to_shrink(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA auto_vacuum").fetchone() == (_INCREMENTAL,):
        return
    connection.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        # Made by a version whose files never shrank; only a rebuilt one can.
        log.info("telemetry.rebuilding")
        connection.execute("VACUUM")


def _extend(connection: sqlite3.Connection) -> None:
    # Batches of earlier versions do not say what they hold; whoever asks has to look into them.
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(batches)")}
    for name in _CONTENT if there else ():
        if name not in there:
            connection.execute(f"ALTER TABLE batches ADD COLUMN {name}")


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Work
    tenant: str
    size: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[int]


_Settled: TypeAlias = tuple[_Job, int | Unavailable]


class Writer:
    """Runs work on the connection, in the order of arrival. queue_bytes: what one tenant alone may have waiting; all
    together never more than twice that."""

    def __init__(self, path: Path, queue_bytes: int, retry_after: timedelta, largest_bytes: int | None = None) -> None:
        self._path, self._largest_bytes = path, largest_bytes
        self._waiting = Shares(2 * queue_bytes, retry_after, "wait for the disk")
        self._connection: sqlite3.Connection | None = connect(path, largest_bytes)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="telemetry-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Work, size: int = 0, tenant: str = "") -> int:
        """What `work` returned, once it is durable. Raises Overloaded or Unavailable; then it had no effect."""
        loop = asyncio.get_running_loop()
        job = _Job(work, tenant, size, loop, loop.create_future())
        with self._lock:
            if self._closed:
                raise Unavailable("the telemetry store is closed")
            self._waiting.take(tenant, size)
            self._jobs.put(job)
        return await job.done

    async def close(self) -> None:
        """Writes what waits, then closes. Closing again does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._group()
            if group:
                _settle(self._written(group))
                with self._lock:
                    for job in group:
                        self._waiting.give(job.tenant, job.size)
        if self._connection is not None:
            self._connection.close()

    def _group(self) -> tuple[list[_Job], bool]:
        """All that waits, at least one; and whether it is the last."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == _GROUP:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _written(self, group: Sequence[_Job]) -> list[_Settled]:
        try:
            if self._connection is None:
                self._connection = connect(self._path, self._largest_bytes)
            return _transaction(self._connection, group)
        except (sqlite3.Error, Unavailable) as bad:
            failure: Exception = bad
        except Exception as bad:
            # The boundary of the worker: were it to die of a defect, everybody would wait for ever.
            log.exception("telemetry.writer_failed")
            failure = bad
        self._abandon()
        return [(job, _unavailable(failure)) for job in group]

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # Closing rolls back as well; what matters is that it is closed.
            finally:
                connection.close()


def _transaction(connection: sqlite3.Connection, group: Sequence[_Job]) -> list[_Settled]:
    connection.execute("BEGIN IMMEDIATE")
    results: list[_Settled] = [(job, job.work(connection)) for job in group]
    connection.execute("COMMIT")
    return results


def _unavailable(bad: Exception) -> Unavailable:
    found = Unavailable(f"the telemetry store does not write: {bad}")
    found.__cause__ = bad
    return found


def _settle(settled: Sequence[_Settled]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[_Settled]] = defaultdict(list)
    for job, result in settled:
        loops[job.loop].append((job, result))
    for loop, mine in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_answer, mine)


def _answer(settled: Sequence[_Settled]) -> None:
    for job, result in settled:
        if job.done.done():
            continue  # The caller was cancelled meanwhile.
        if isinstance(result, Unavailable):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)
