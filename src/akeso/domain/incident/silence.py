"""Silences and maintenance windows: what is expected, and wakes nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from akeso.domain.telemetry.batches import Attributes


@dataclass(frozen=True, slots=True)
class Silence:
    """From `start` to `end`, what is about `service` ("" for any) and carries all of `labels` is expected.

    Anomalies carry no labels: one with labels silences alerts only. every: it begins again so long after `start`, until
    `repeats_until` (None: until it is lifted). freezes: meanwhile nothing is done to the service by Akeso itself.
    """

    id: str
    tenant: str
    start: datetime
    end: datetime
    service: str = ""
    labels: Attributes = ()
    reason: str = ""
    by: str = ""
    freezes: bool = True
    every: timedelta | None = None
    repeats_until: datetime | None = None

    def until(self, now: datetime) -> datetime | None:
        """The end of the time in which it holds at this instant; None when it does not hold."""
        turns = 0 if self.every is None or now < self.start else (now - self.start) // self.every
        shift = timedelta(0) if self.every is None else turns * self.every
        begins = self.start + shift
        repeats = turns == 0 or self.repeats_until is None or begins <= self.repeats_until
        return self.end + shift if repeats and begins <= now < self.end + shift else None

    def over(self, now: datetime) -> bool:
        """Whether it will never hold again."""
        if self.every is None:
            return now >= self.end
        return self.repeats_until is not None and now >= self.repeats_until + (self.end - self.start)

    def covers(self, service: str, labels: Mapping[str, str]) -> bool:
        """Whether what is about `service` and carries `labels` is meant."""
        if self.service and self.service != service:
            return False
        return all(labels.get(name) == value for name, value in self.labels)

    @property
    def said(self) -> str:
        """In words."""
        named = [self.service or "everything", *(f"{name}={value}" for name, value in self.labels)]
        why = f": {self.reason}" if self.reason else ""
        return f"{' '.join(named)} is silenced by {self.by or 'the settings'} (silence {self.id}){why}"
