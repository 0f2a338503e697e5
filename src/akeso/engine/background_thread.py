"""Work aside: in a thread of its own that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


async def aside(work: Callable[[], T], name: str) -> T:
    """What `work` returns or raises, while the event loop goes on.

    Unlike an executor's, the thread is a daemon: a caller that is cancelled leaves at once, and work that never ends
    holds up neither its successor nor the end of the process.
    """
    # Through the loop's own door for such work, so that a loop that has no threads can do it at once.
    return await asyncio.get_running_loop().run_in_executor(_Daemon(name), work)


class _Daemon(Executor):
    """A thread a job, which nobody waits for at the end."""

    def __init__(self, name: str) -> None:
        self._name = name

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        answer: Future[T] = Future()

        def run() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                result = work(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
                answer.set_exception(error)
            else:
                answer.set_result(result)

        threading.Thread(target=run, name=self._name, daemon=True).start()
        return answer
