"""The alarms that count against alert budgets, in a file that outlives the process."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from akeso.domain.detection.alarm import Alarm
from akeso.domain.errors import InvalidSettings, Unavailable
from akeso.domain.renamed import with_new_names


class AlarmFile:
    """A JSON array of alarms, replaced as a whole: there are few, and rarely a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[Alarm, ...]:
        """What was kept; nothing before the first time. Raises InvalidSettings for what is no such file."""
        if not self._path.exists():
            return ()
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=list[Any])
            return msgspec.convert([with_new_names(alarm, "alarm") for alarm in found], tuple[Alarm, ...])
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as bad:
            raise InvalidSettings(str(self._path), f"does not hold alarms: {bad}") from bad

    def keep(self, alarms: Iterable[Alarm]) -> None:
        """Replace what is kept. Raises Unavailable when the disk does not take it."""
        beside = self._path.with_suffix(".tmp")
        try:
            beside.write_bytes(msgspec.json.encode(tuple(alarms)))
            os.replace(beside, self._path)
        except OSError as bad:
            raise Unavailable(f"{self._path} cannot be written: {bad.strerror}") from bad
