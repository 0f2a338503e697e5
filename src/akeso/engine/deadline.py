"""Deadlines on the clock that tests can move."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from akeso.ports.clock import Clock

Result = TypeVar("Result")


async def within(clock: Clock, duration: timedelta, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns or raises. Raises TimeoutError, and cancels it, when `duration` has passed before."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(duration))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"no answer within {duration.total_seconds():g} s")
        return task.result()
    finally:
        # Nobody waits for a cancelled plugin: one that does not let go must not hold up its caller.
        for one in (timer, task):
            one.cancel()
            one.add_done_callback(_forgotten)


def _forgotten(task: asyncio.Future[Any]) -> None:
    # Asking for the exception keeps asyncio from complaining that nobody did.
    if not task.cancelled():
        task.exception()
