"""The token bucket that alarms are paid from: it fills evenly over time, and what is never withheld may overdraw it.

A token bucket with debt: over any stretch of time no more alarms without a rule behind them are notified than filled in
during it and were saved before, from the first day on.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from akeso.domain.detection.alarm import Alarm, Truth


@dataclass(frozen=True, slots=True)
class AlertTokenBucket:
    """rate: tokens (alarms) that fill in per ns; most: tokens it holds when it is full; initial_tokens: those it began
    with, at `began` (ns)."""

    rate: float
    most: float
    initial_tokens: float
    began: int

    def left(self, alarms: Iterable[Alarm], now: int) -> float:
        """Tokens at `now` (ns), after one was taken for each alarm that was notified and not confirmed; negative when
        it is overdrawn."""
        left, at = min(self.initial_tokens, self.most), self.began
        for alarm in sorted((a for a in alarms if a.notified and a.truth is not Truth.TRUE), key=lambda a: a.at):
            left = self._filled(left, alarm.at - at) - 1.0
            at = max(at, alarm.at)
        return self._filled(left, now - at)

    def _filled(self, left: float, time: int) -> float:
        return min(left + self.rate * max(time, 0), self.most)
