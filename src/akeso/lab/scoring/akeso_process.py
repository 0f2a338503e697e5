"""Launches the Akeso that is scored: the same interpreter, its own data folder, effects switched on."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from akeso.adapters.keys.file import KeyFile
from akeso.config.settings import Settings
from akeso.lab.errors import NotReady

SETTINGS = ("trust=auto", "dry_run=false")
KEY_WITHIN_S = 60.0
STOP_WITHIN_S = 8.0


@dataclass(frozen=True, slots=True)
class AkesoProcess:
    """A running Akeso and where it keeps its data."""

    process: "subprocess.Popen[bytes]"
    data: Path
    url: str

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    async def key(self) -> str:
        """The administrator's key that it writes at its first start. Raises NotReady when it does not."""
        deadline = asyncio.get_running_loop().time() + KEY_WITHIN_S
        file = self.data / "admin.key"
        while not file.exists() or not file.read_text().strip():
            if not self.running or asyncio.get_running_loop().time() > deadline:
                raise NotReady(f"Akeso wrote no {file}; see {self.data / 'akeso.log'}")
            await asyncio.sleep(0.1)
        return file.read_text().strip()

    async def stop(self) -> None:
        """End it, at last by force."""
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


def sender_key(data: Path) -> str:
    """The key that senders need, of the Akeso whose data folder this is or is to be: made if it has none yet."""
    return KeyFile(data / "keys.json").sender_key(Settings.model_fields["tenant"].default)


def key_beside() -> str | None:
    """The key for senders that `akeso up` wrote in this folder; None when it did not."""
    file = Path("akeso-data") / "ingest.key"
    return file.read_text().strip() if file.exists() else None


def launch_akeso(
    data: Path, services: Path, port: int, settings: tuple[str, ...] = SETTINGS, plugins: Path | None = None
) -> AkesoProcess:
    """Start `akeso up` on a port of the loopback address; its output goes to `akeso.log` in its data folder. plugins:
    a folder whose distributions it finds besides those that are installed."""
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "akeso", "up", "--data", str(data), "--services", str(services)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    for setting in settings:
        command += ["--set", setting]
    folders = [str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)} if plugins else None
    with (data / "akeso.log").open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=data, env=environment
        )
    return AkesoProcess(process, data, f"http://127.0.0.1:{port}")
