"""The data folder: one Akeso at a time, and nothing in it for others to read."""

import fcntl
import os
from pathlib import Path

from akeso.domain.errors import InvalidSettings

# Stores that would be made readable for all; SQLite gives its side files the mode of the file itself.
_STORES = ("akeso.db", "telemetry.db")
_LOCK = "running.lock"


class DataFolder:
    """Held from `take` to `release`; the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def take(self) -> None:
        """Make it if need be, close it to others, and hold it. Raises InvalidSettings when it cannot be made or another
        Akeso runs on it."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._path.chmod(0o700)
            self._hold()
            for name in _STORES:
                (self._path / name).touch(mode=0o600)
            for file in self._path.iterdir():
                if file.is_file() and not file.is_symlink():
                    file.chmod(0o600)
        except OSError as bad:
            self.release()
            raise InvalidSettings("data", f"{self._path} cannot be used: {bad.strerror}") from bad

    def release(self) -> None:
        """Lets go of it. Twice does nothing."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _hold(self) -> None:
        lock = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            holder = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise InvalidSettings("data", f"{self._path} is in use by another Akeso (process {holder})") from taken
        self._held = lock
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
