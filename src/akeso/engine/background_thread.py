"""Work aside: in a thread of its own that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T], name: str) -> T:
    """What `work` returns or raises, while the event loop goes on.

    Unlike an executor's, the thread is a daemon: a caller that is cancelled leaves at once, and work that never ends
    holds up neither its successor nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(give: Callable[[], None]) -> None:
        if not answer.done():
            give()

    def run() -> None:
        give: Callable[[], None]
        try:
            result = work()
            give = lambda: answer.set_result(result)  # noqa: E731
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            failure = error
            give = lambda: answer.set_exception(failure)  # noqa: E731
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, give)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await answer
