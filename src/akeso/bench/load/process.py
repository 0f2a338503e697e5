"""An Akeso of its own to measure: `akeso up` as a subprocess on a free port with its own data folder."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from akeso.domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class RunningAkeso:
    """A subprocess that is ready. start_s: from the start of the process to ready."""

    process: subprocess.Popen[bytes]
    url: str
    data: Path
    start_s: float

    @property
    def key(self) -> str:
        return (self.data / "admin.key").read_text().strip()

    @property
    def sender_key(self) -> str:
        return (self.data / "ingest.key").read_text().strip()

    @property
    def key_header(self) -> str:
        """The header of a sender, as it stands in a request."""
        return f"x-api-key: {self.sender_key}\r\n"

    def resident_bytes(self) -> int:
        """Resident set size now (Linux)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Unavailable("the kernel does not tell the resident size")

    def cpu_seconds(self) -> float:
        """What the process has used of processors until now, all its threads together (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_akeso(data: Path, *arguments: str, within_s: float = 30) -> Iterator[RunningAkeso]:
    """Start one, wait until it is ready, and end it with the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "akeso", "up", "--data", str(data), "--port", str(port), *arguments]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_ready(process, url, began + within_s)
        yield RunningAkeso(process, url, data, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_ready(process: subprocess.Popen[bytes], url: str, deadline: float) -> None:
    with httpx.Client(trust_env=False, timeout=1) as http:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise Unavailable(f"akeso up ended with code {process.returncode}")
            try:
                if http.get(f"{url}/api/v1/health/ready").is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.02)
    raise Unavailable("akeso up was not ready in time")
