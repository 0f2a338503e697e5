"""Faults that live in this process's memory, so that only its end (or the lab itself) ends them.

Each condition is real: a thread that burns CPU, memory that is allocated and kept, connections that are not given
back, lines that are written through to the disk while the request waits.
"""

import asyncio
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from akeso.lab.chassis.telemetry import ServiceLog

MEBIBYTE = 1024 * 1024
FLOOD_RECORDS = 120
FLOOD_FILE_LIMIT = 64 * MEBIBYTE

Holder = Callable[[], Awaitable[None]]


class Conditions:
    """The conditions set at present, by name, each with its strength.

    `latency` (ms a request), `busy` (threads), `leak` (MiB a second, strength is the rate), `connections` (held),
    `stall` (consumers wait for ever), `verbose` (ms of synchronous debug output a request).
    """

    NAMES = ("latency", "busy", "leak", "connections", "stall", "verbose")

    def __init__(self, log: ServiceLog, dump: Path, hold_connections: Holder | None, memory_limit_mb: int) -> None:
        self.active: dict[str, float] = {}
        self._log = log
        self._dump = dump
        self._hold_connections = hold_connections
        self._leak_until = memory_limit_mb * MEBIBYTE
        self._leaked: list[bytearray] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()

    def begin(self, name: str, strength: float) -> None:
        """Set a condition. Raises ValueError for a name that does not exist."""
        if name not in self.NAMES:
            raise ValueError(f"unknown condition {name!r}")
        self.active[name] = strength
        match name:
            case "busy":
                for _ in range(int(strength)):
                    threading.Thread(target=self._burn, daemon=True).start()
            case "stall":
                self._flowing.clear()
            case "leak":
                self._tasks[name] = asyncio.create_task(self._leak(strength))
            case "connections" if self._hold_connections is not None:
                self._tasks[name] = asyncio.create_task(_forever(self._hold_connections))

    def end(self) -> None:
        """Lift every condition."""
        self.active.clear()
        self._flowing.set()
        self._leaked.clear()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def during_request(self) -> None:
        """What a request goes through while conditions are set."""
        if not self.active:
            return
        if delay := self.active.get("latency"):
            await asyncio.sleep(delay / 1000 * random.uniform(0.8, 1.2))
        if milliseconds := self.active.get("verbose"):
            self._flood(milliseconds / 1000)

    async def before_message(self) -> None:
        """A stalled consumer stops here."""
        await self._flowing.wait()

    def _burn(self) -> None:
        value = 1
        while "busy" in self.active:
            value = (value * 6364136223846793005 + 1442695040888963407) % 18446744073709551616

    async def _leak(self, mebibytes_per_second: float) -> None:
        leaked = 0
        while leaked < self._leak_until:
            block = bytearray(os.urandom(1024)) * int(mebibytes_per_second * 1024 / 10)
            self._leaked.append(block)
            leaked += len(block)
            await asyncio.sleep(0.1)

    def _flood(self, budget_s: float) -> None:
        """Write debug lines through to the disk, on the request's time; a share also goes to the log exporter."""
        ends = time.perf_counter() + budget_s
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DSYNC
        descriptor = os.open(self._dump, flags, 0o644)
        try:
            if os.fstat(descriptor).st_size > FLOOD_FILE_LIMIT:
                os.ftruncate(descriptor, 0)
            written = 0
            while time.perf_counter() < ends:
                line = f"DEBUG cache entry {written} key=session:{random.getrandbits(64):x} state={'x' * 200}\n"
                os.write(descriptor, line.encode())
                if written < FLOOD_RECORDS:
                    self._log.debug(line.rstrip(), entry=written)
                written += 1
        finally:
            os.close(descriptor)


async def _forever(hold: Holder) -> None:
    while True:
        await hold()
