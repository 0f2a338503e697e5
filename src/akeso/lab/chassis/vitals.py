"""What the operating system says about this process, and the memory limit it keeps."""

import time

import psutil

from akeso.lab.chassis.instruments import Instruments
from akeso.lab.errors import OutOfMemory

MEBIBYTE = 1024 * 1024
MEMORY_READ_FOR_S = 0.25


class Vitals:
    """CPU, memory and descriptors of this process; refuses work above the memory limit."""

    def __init__(self, memory_limit_mb: int) -> None:
        self.memory_limit = memory_limit_mb * MEBIBYTE
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._memory = (float("-inf"), 0)

    def memory(self) -> int:
        """Resident bytes, at most a quarter of a second old."""
        read_at, resident = self._memory
        now = time.monotonic()
        if now - read_at >= MEMORY_READ_FOR_S:
            resident = self._process.memory_info().rss
            self._memory = (now, resident)
        return resident

    def refuse_above_limit(self) -> None:
        """Raises OutOfMemory while the process is over its limit."""
        resident = self.memory()
        if resident > self.memory_limit:
            raise OutOfMemory(
                f"memory limit exceeded: {resident // MEBIBYTE} MiB of {self.memory_limit // MEBIBYTE} MiB"
            )

    def observe(self, instruments: Instruments) -> None:
        """Export them under their standard names."""
        instruments.gauge("process.cpu.utilization", "1", lambda: [(self._process.cpu_percent() / 100, {})])
        instruments.count("process.memory.usage", "By", lambda: [(self.memory(), {})])
        instruments.count("process.memory.limit", "By", lambda: [(self.memory_limit, {})])
        instruments.count(
            "process.open_file_descriptor.count", "{file_descriptor}", lambda: [(self._process.num_fds(), {})]
        )
