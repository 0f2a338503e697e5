"""When decisions were published, seen from outside: the mark that the healing agent sets behind each of them."""

import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from akeso.domain.telemetry.batches import NANOSECONDS

# The name under which `akeso up` marks the last slot whose decision was taken in (akeso.composition.system.WATERMARK).
_MARK = "decisions"
_EVERY_S = 0.005


class Decisions:
    """Watches a running Akeso's telemetry store. The mark is durable and stands behind the publication and the healing
    agent, so what is seen here is never earlier than the decision."""

    def __init__(self, data: Path) -> None:
        self._path = data / "telemetry.db"
        self._ended = threading.Event()
        self._seen: list[tuple[int, int]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, bad: BaseException | None, at: TracebackType | None) -> None:
        del kind, bad, at
        self._ended.set()
        self._thread.join()

    @property
    def seen(self) -> list[tuple[int, int]]:
        """(slot end, when its decision was seen), ns, ascending; a decision also covers every slot before it."""
        return list(self._seen)

    def await_slot(self, end: int, within_s: float) -> bool:
        """Whether the decision of the slot that ends at `end` (ns) or of a later one was seen in time."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self._seen and self._seen[-1][0] >= end:
                return True
            self._ended.wait(_EVERY_S)
        return False

    def _watch(self) -> None:
        reader = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        try:
            newest = 0
            while not self._ended.wait(_EVERY_S):
                row = reader.execute("SELECT value FROM marks WHERE name = ?", (_MARK,)).fetchone()
                if row is not None and row[0] > newest:
                    newest = int(row[0])
                    self._seen.append((newest, time.time_ns()))
        finally:
            reader.close()


def slot_end(stamp: int, width: int = NANOSECONDS) -> int:
    """The end of the slot that a stamp (ns) is in."""
    return stamp // width * width + width
