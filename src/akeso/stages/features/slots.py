"""Slots: where a stamped sample goes in the grid of time, and what is counted on the way."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from akeso.domain.telemetry.batches import Mask, Times
from akeso.domain.telemetry.times import duration_ns


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """How telemetry becomes features.

    slot: width of a slot.
    lateness: how long after its end a slot stays open for samples that are late.
    early_evaluation: whether each slot is also evaluated once before it is over, halfway between its start and its
        closing.
    early_evaluation_series: no early evaluation with more feature series than this.
    late_limit: a sample later than this is dropped. One that is less late counts in the oldest open slot, so that a
        sender
        with long batches is seen late instead of never.
    skew: a time stamp further in the future than this is replaced by the time of arrival.
    steady: a sender whose clock is off by the same for this long is corrected.
    skew_limit: clocks that are off by more than this are not corrected.
    rolling_slots: means, quantiles and ratios of calls are taken over at most this many of the last slots.
    min_calls: they are taken over as few of these slots as hold this many calls.
    forget: a service or call that was not seen for this long is no longer expected.
    operations: named operations of a service; the rest is "other".
    series: the most feature series made from metrics.
    novelty_after: new log templates count once a service has logged for this long.
    traces: how long whole traces are kept, when there is room for all.
    log_patterns: whether log templates are watched for unusual rates and numbers (see
        akeso.stages.features.log_surprise).
    """

    slot: timedelta = timedelta(seconds=1)
    lateness: timedelta = timedelta(milliseconds=400)
    early_evaluation: bool = True
    early_evaluation_series: int = 20_000
    late_limit: timedelta = timedelta(seconds=10)
    skew: timedelta = timedelta(seconds=5)
    steady: timedelta = timedelta(seconds=5)
    skew_limit: timedelta = timedelta(days=1)
    rolling_slots: int = 3
    min_calls: int = 8
    forget: timedelta = timedelta(minutes=30)
    operations: int = 50
    series: int = 50_000
    novelty_after: timedelta = timedelta(seconds=30)
    traces: timedelta = timedelta(minutes=10)
    log_patterns: bool = False


@dataclass(slots=True)
class Tally:
    """What happened to samples that did not go the straight way, since the start.

    late: counted in the oldest open slot; dropped: too late for any; skewed: from the future, taken for their arrival;
    corrected: of a sender whose clock is steadily off; missing: no number; repeated: told before; refused_series:
    series beyond the limit; gaps: pauses without any telemetry.
    """

    late: int = 0
    dropped: int = 0
    skewed: int = 0
    corrected: int = 0
    missing: int = 0
    repeated: int = 0
    refused_series: int = 0
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """received: when a batch arrived, oldest: start of the oldest open slot, delay: by how much it is late by design;
    all ns."""

    received: int
    oldest: int
    delay: int = 0

    @property
    def due(self) -> int:
        """When it would have arrived without that delay."""
        return self.received - self.delay


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """stamps: int64[n] by a right clock; time: int64[n] what to file the samples under; keep: bool[n]; late: bool[n]
    moved to the open slot."""

    stamps: Times
    time: Times
    keep: Mask
    late: Mask


class Placing:
    """The rule for late and early stamps, the same for points, spans and log records."""

    def __init__(self, options: FeatureOptions, tally: Tally) -> None:
        self._skew = duration_ns(options.skew)
        self._late_limit = duration_ns(options.late_limit)
        self._tally = tally

    def place(self, stamps: Times, arrival: Arrival, offset: Times | int = 0) -> Placed:
        """Where samples with these stamps (ns) are filed. offset: ns by which their senders' clocks are behind."""
        self._tally.corrected += int(np.count_nonzero(np.broadcast_to(offset, stamps.shape)))
        stamps = stamps + offset + arrival.delay
        skewed = stamps > arrival.received + self._skew
        time = np.where(skewed, arrival.received, stamps)
        late = time < arrival.oldest
        keep = time >= arrival.oldest - self._late_limit
        self._tally.skewed += int(skewed.sum())
        self._tally.dropped += int((~keep).sum())
        self._tally.late += int((late & keep).sum())
        return Placed(stamps, np.maximum(time, arrival.oldest), keep, late)
