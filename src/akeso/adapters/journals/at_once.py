"""SQLite without a thread: every statement runs on the caller's, at once.

The driver (aiosqlite) hands work to a thread of its own, which answers when it pleases. On an event loop whose time is
virtual nothing may depend on when a thread answers, so the queue to that thread is replaced by doing the work.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import aiosqlite

_CHUNK = 64  # rows the driver fetches at a time; its own default


async def connect(database: str, arguments: Mapping[str, Any]) -> aiosqlite.Connection:
    """An open connection. arguments: of `sqlite3.connect`."""
    return await _Connection(lambda: sqlite3.connect(database, **arguments), _CHUNK)


class _AtOnce:
    """Stands where the driver keeps its queue."""

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        answer, work = job
        try:
            result = work()
        except BaseException as error:
            if answer is None:
                raise
            answer.set_exception(error)
        else:
            if answer is not None:
                answer.set_result(result)


class _NoThread:
    """Stands where the driver keeps its thread."""

    daemon = True

    def start(self) -> None:
        """There is nothing to start."""


class _Connection(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection], chunk: int) -> None:
        super().__init__(connector, chunk)
        self._tx = _AtOnce()  # type: ignore[assignment] # all that is asked of the driver's queue
        self._thread = _NoThread()  # type: ignore[assignment]
