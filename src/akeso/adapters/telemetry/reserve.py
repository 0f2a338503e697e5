"""Room on the disk that is kept for forgetting: without any, a full disk could not even be tidied up."""

import os
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# So many times its size have to be free before a reserve is laid down.
_AMPLE = 4


class Reserve:
    """A file that takes `size` bytes until they are needed."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size

    def fill(self) -> None:
        """Lay it down, where that leaves enough for others; nothing is wrong when it does not."""
        try:
            if self._path.exists():
                return
            disk = os.statvfs(self._path.parent)
            if not self._size or disk.f_bavail * disk.f_frsize < _AMPLE * self._size:
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as bad:
            log.warning("telemetry.no_reserve", reason=str(bad))
            self._path.unlink(missing_ok=True)

    def spend(self) -> bool:
        """Give its room to others; whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        log.warning("telemetry.reserve_spent", bytes=self._size)
        return True
