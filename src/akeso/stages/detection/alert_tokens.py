"""The purse that alarms are paid from: it fills evenly over time, and what is never held back may overdraw it.

A token bucket with debt: of any stretch of time no more doubtful alarms are told than filled in during it and was saved
before, from the first day on.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from akeso.domain.detection.alarm import Alarm, Truth


@dataclass(frozen=True, slots=True)
class AlertTokenBucket:
    """rate: alarms that fill in per ns; most: alarms it holds when it is full; credit: those it began with, at `began`
    (ns)."""

    rate: float
    most: float
    credit: float
    began: int

    def left(self, alarms: Iterable[Alarm], now: int) -> float:
        """What it holds at `now` (ns), after those of the alarms that were told and were not confirmed; negative when
        it is overdrawn."""
        left, at = min(self.credit, self.most), self.began
        for alarm in sorted((a for a in alarms if a.told and a.truth is not Truth.TRUE), key=lambda a: a.at):
            left = self._filled(left, alarm.at - at) - 1.0
            at = max(at, alarm.at)
        return self._filled(left, now - at)

    def _filled(self, left: float, time: int) -> float:
        return min(left + self.rate * max(time, 0), self.most)
