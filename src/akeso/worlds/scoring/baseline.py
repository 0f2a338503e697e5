"""What anybody would try first: z-scores of the same features, and the loudest service is blamed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats
from akeso.domain.telemetry.series import SeriesTable
from akeso.worlds.truth import Truth


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """loud: an alarm's |z|; sustained: observations of one series above it in a row; quiet_s: an alarm is over after so
    long without; fewest: observations of a series before it is judged."""

    loud: float = 6.0
    sustained: int = 3
    quiet_s: float = 60.0
    fewest: int = 20


@dataclass(frozen=True, slots=True)
class Alarm:
    """at: ns; service: the loudest one."""

    at: int
    service: str


@dataclass(slots=True)
class Baseline:
    """Learns mean and spread of every series until `taught` (ns) and judges after; nothing is learnt then."""

    table: SeriesTable
    taught: int
    options: BaselineOptions = field(default_factory=BaselineOptions)
    alarms: list[Alarm] = field(default_factory=list)
    _count: Floats = field(default_factory=lambda: np.zeros(0))
    _mean: Floats = field(default_factory=lambda: np.zeros(0))
    _square: Floats = field(default_factory=lambda: np.zeros(0))
    _loud: Floats = field(default_factory=lambda: np.zeros(0))
    _until: int = 0

    def see(self, frame: FeatureFrame) -> None:
        """Take in the next slot; what is not whole yet is left."""
        if frame.partial:
            return
        self._grow(len(frame.values))
        if frame.end <= self.taught:
            self._learn(frame.values)
        else:
            self._judge(frame)

    def _grow(self, size: int) -> None:
        missing = size - len(self._count)
        if missing > 0:
            for name in ("_count", "_mean", "_square", "_loud"):
                setattr(self, name, np.concatenate((getattr(self, name), np.zeros(missing))))

    def _learn(self, values: Floats) -> None:
        seen = np.isfinite(values)
        value = np.where(seen, values, 0.0)
        self._count += seen
        off = np.where(seen, value - self._mean, 0.0)
        self._mean += off / np.maximum(self._count, 1.0)
        self._square += off * np.where(seen, value - self._mean, 0.0)

    def _judge(self, frame: FeatureFrame) -> None:
        known = (self._count >= self.options.fewest) & np.isfinite(frame.values)
        spread = np.sqrt(self._square / np.maximum(self._count - 1.0, 1.0)) + 0.01 * np.abs(self._mean) + 1e-9
        z = np.where(known, np.abs(np.nan_to_num(frame.values) - self._mean) / spread, 0.0)
        loud = z > self.options.loud
        self._loud = np.where(loud, self._loud + 1.0, np.where(known, 0.0, self._loud))
        lasting = loud & (self._loud >= self.options.sustained)
        if not lasting.any():
            return
        if frame.end > self._until:
            self.alarms.append(Alarm(frame.end, self.table[int(np.argmax(np.where(lasting, z, 0.0)))].service))
        self._until = frame.end + round(self.options.quiet_s * NANOSECONDS)


def compared(alarms: Sequence[Alarm], truth: Sequence[Truth], until: int, afterwards: int) -> dict[str, int]:
    """faults; noticed: an alarm came while one was there; cause_first: it blames it; false: alarms without a fault."""
    faults = [each for each in truth if not each.ordinary]
    ends = {each.id: (until if each.ended is None else each.ended) + afterwards for each in faults}
    noticed = first = 0
    for fault in faults:
        own = [alarm for alarm in alarms if fault.began <= alarm.at <= ends[fault.id]]
        noticed += bool(own)
        first += bool(own) and own[0].service in {fault.entity, fault.service}
    false = sum(not any(f.began <= alarm.at <= ends[f.id] for f in faults) for alarm in alarms)
    return {"faults": len(faults), "noticed": noticed, "cause_first": first, "false": false}
