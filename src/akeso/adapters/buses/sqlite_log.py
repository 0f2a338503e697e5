"""The log of the local bus in a SQLite file."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.log import Appended, Found
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.ports.bus import Message, Topic

log = structlog.get_logger(__name__)

_GROUP = 512
_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_topic ON messages (topic, position);
CREATE TABLE IF NOT EXISTS positions (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (consumer, topic)
) WITHOUT ROWID;
"""
# What every group that ever read the topic is done with, but for the newest, which a new group may still want.
_PRUNE = """
DELETE FROM messages WHERE position <= (SELECT min(p.position) FROM positions p WHERE p.topic = messages.topic)
AND position <= (
    SELECT n.position FROM messages n WHERE n.topic = messages.topic ORDER BY n.position DESC LIMIT 1 OFFSET ?
)
"""


Work: TypeAlias = Callable[[sqlite3.Connection], Any]


class _Job:
    def __init__(self, work: Work, then: Callable[[Any], None], loop: asyncio.AbstractEventLoop) -> None:
        self.work, self.then, self.loop = work, then, loop
        self.settled: asyncio.Future[None] = loop.create_future()

    def settle(self, result: Any, failure: Exception | None) -> None:
        if failure is None:
            self.then(result)  # even if the caller was cancelled: the message is kept, so it has to arrive
        if self.settled.done():
            return
        if failure is None:
            self.settled.set_result(None)
        else:
            self.settled.set_exception(failure)


class SqliteLog:
    """One file, one thread; what waits shares a transaction and so the price of a sync. Raises Unavailable when the
    file cannot be opened. What cannot be decoded (a foreign or damaged line) is reported and passed over."""

    def __init__(self, path: Path, codec: PayloadCodec, kept: int) -> None:
        self._codec = codec
        self._connection = _open(path, kept)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="bus-log", daemon=True)
        self._thread.start()

    async def append(self, topic: Topic, key: str, payload: Any, then: Appended) -> None:
        row = (topic.value, key, self._codec.encode(payload))
        await self._ask(lambda connection: _insert(connection, row), then)

    async def backlog(self, topics: Sequence[Topic], group: str, then: Found) -> None:
        names = [topic.value for topic in topics]
        await self._ask(lambda connection: _open_rows(connection, names, group), lambda rows: then(self._read(rows)))

    async def commit(self, group: str, topic: Topic, offset: int) -> None:
        row = (group, topic.value, offset)
        await self._ask(lambda connection: connection.execute("REPLACE INTO positions VALUES (?, ?, ?)", row), _nothing)

    async def close(self) -> None:
        """Writes what waits first."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _ask(self, work: Work, then: Callable[[Any], None]) -> None:
        if self._closed:
            raise Unavailable("the bus is closed")
        job = _Job(work, then, asyncio.get_running_loop())
        self._jobs.put(job)
        await job.settled

    def _read(self, rows: Sequence[tuple[int, str, str, bytes]]) -> list[Message]:
        found = []
        for position, topic, key, payload in rows:
            try:
                found.append(Message(Topic(topic), key, self._codec.decode(payload), position))
            except InvalidInput:
                log.exception("bus.message_unreadable", topic=topic, offset=position)
        return found

    def _run(self) -> None:
        last = False
        while not last:
            jobs, last = self._group()
            results, failure = self._written(jobs)
            for loop in {job.loop for job in jobs if not job.loop.is_closed()}:
                mine = [(job, result) for job, result in zip(jobs, results, strict=True) if job.loop is loop]
                loop.call_soon_threadsafe(_settle, mine, failure)
        self._connection.close()

    def _group(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        while not jobs or (len(jobs) < _GROUP and not self._jobs.empty()):
            job = self._jobs.get()
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _written(self, jobs: Sequence[_Job]) -> tuple[list[Any], Exception | None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [job.work(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
        except Exception as bad:
            # The boundary of the worker: were it to die, everybody would wait for ever.
            log.exception("bus.log_failed")
            if self._connection.in_transaction:
                self._connection.rollback()
            failure = Unavailable(f"the bus cannot write its log: {bad}")
            failure.__cause__ = bad
            return [None] * len(jobs), failure
        return results, None


def _settle(jobs: Sequence[tuple[_Job, Any]], failure: Exception | None) -> None:
    for job, result in jobs:
        job.settle(result, failure)


def _nothing(_: Any) -> None: ...


def _open(path: Path, kept: int) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_SCHEMA)
        connection.execute(_PRUNE, (kept,))
    except (OSError, sqlite3.Error) as bad:
        raise Unavailable(f"the log of the bus, {path}, cannot be opened: {bad}") from bad
    return connection


def _insert(connection: sqlite3.Connection, row: tuple[str, str, bytes]) -> int:
    position = connection.execute("INSERT INTO messages (topic, key, payload) VALUES (?, ?, ?)", row).lastrowid
    assert position is not None
    return position


def _open_rows(connection: sqlite3.Connection, topics: Sequence[str], group: str) -> list[Any]:
    rows = []
    for topic in topics:
        done = "SELECT coalesce(max(position), 0) FROM positions WHERE consumer = ? AND topic = ?"
        chosen = f"SELECT position, topic, key, payload FROM messages WHERE topic = ? AND position > ({done})"
        rows += connection.execute(chosen, (topic, group, topic)).fetchall()
    return sorted(rows)
