"""Senders whose clocks are wrong: by how much, and whether steadily enough to be corrected."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, Ids, Times
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.features.slots import FeatureOptions

# The lag of a steady clock still varies with the network and with when in its period a sender exports.
_TOLERANCE = 2 * NANOSECONDS
_FEWEST = 3
_MOST = 10_000
_NEVER = np.iinfo(np.int64).min


class Sender(NamedTuple):
    """Who stamps: a service's instance (as far as the signal tells instances apart), for one kind of signal."""

    tenant: str
    service: str
    instance: str
    signal: str


@dataclass(slots=True)
class _Track:
    """A clock that is off. since: when its lag began to stay between lowest and highest; last: when it was heard last;
    pause: between two batches; all ns."""

    since: int
    lowest: int
    highest: int
    last: int
    pause: int = 0
    batches: int = 1
    offset: int = 0

    @property
    def tolerance(self) -> int:
        """By how much the lag of a sender may vary that is steadily late: it varies with when in its period the sender
        exports, so by as much as one period."""
        return max(_TOLERANCE, self.pause)

    def heard(self, received: int) -> None:
        """One more batch."""
        self.pause, self.last = max(received - self.last, self.pause * 4 // 5), received


class SenderClocks:
    """Tells what has to be added to a sender's stamps.

    A sender's lag is the arrival of a batch less the newest stamp in it. One that is off by more than `skew`, and by
    the same for `steady`, is believed to be steadily wrong (a wrong clock, or a way that always takes so long), and its
    stamps are shifted to their arrival. What is old for once, like a queue that is worked off, is not: its lag changes.
    """

    def __init__(self, options: FeatureOptions) -> None:
        self._bound, self._limit = duration_ns(options.skew), duration_ns(options.skew_limit)
        self._steady = duration_ns(options.steady)
        self._tracks: dict[Sender, _Track] = {}

    @property
    def offsets(self) -> Mapping[Sender, float]:
        """The senders that are corrected now, and by how many seconds their clocks are behind (negative: ahead)."""
        return {sender: track.offset / NANOSECONDS for sender, track in self._tracks.items() if track.offset}

    def offset(self, sender: Sender, newest: int, received: int) -> int:
        """ns to add to the stamps of a batch whose newest stamp is `newest`; 0 for a clock that is right."""
        lag = received - newest
        track = self._tracks.get(sender)
        wrong = self._bound < abs(lag) <= self._limit
        if track is None:
            if wrong:
                self._begin(sender, received, lag)
            return 0
        track.heard(received)
        if abs(lag - track.offset) <= track.tolerance and track.offset:
            # Of one that exports rarely each batch is as late as it happens to be.
            track.offset = lag if wrong and track.tolerance > _TOLERANCE else track.offset
            return track.offset
        if not wrong and not track.offset:
            del self._tracks[sender]
            return 0
        self._follow(track, received, lag)
        if received - track.since >= self._steady and track.batches >= _FEWEST:
            # The least lag, so that no stamp comes to lie after its arrival.
            steady = track.lowest if track.tolerance == _TOLERANCE else lag
            track.offset = steady if wrong else 0
        return track.offset

    def offsets_of(self, owner: Ids, time: Times, senders: "list[Sender]", received: int) -> Times | int:
        """int64[n] ns to add to the stamps `time` of points of several senders; owner: int[n] into `senders`."""
        if not self._concerns(time, received):
            return 0
        newest = np.full(len(senders), _NEVER)
        np.maximum.at(newest, owner, time)
        offsets = np.zeros(len(senders), np.int64)
        for each in np.flatnonzero(newest != _NEVER).tolist():
            offsets[each] = self.offset(senders[each], int(newest[each]), received)
        found: Times = offsets[owner]
        return found

    def _concerns(self, time: Times, received: int) -> bool:
        if self._tracks or not len(time):
            return bool(len(time))
        return int(time.max()) > received + self._bound or int(time.min()) < received - self._bound

    def _begin(self, sender: Sender, received: int, lag: int) -> None:
        if len(self._tracks) >= _MOST:
            del self._tracks[next(iter(self._tracks))]
        self._tracks[sender] = _Track(received, lag, lag, received)

    def _follow(self, track: _Track, received: int, lag: int) -> None:
        lowest, highest = min(track.lowest, lag), max(track.highest, lag)
        if highest - lowest > track.tolerance:
            track.since, track.lowest, track.highest, track.batches = received, lag, lag, 1
        else:
            track.lowest, track.highest, track.batches = lowest, highest, track.batches + 1
