"""How far every series of a case departs from its own past: what the evidence providers read.

Robust location and scale (median and MAD) of the slots up to the case's onset, against the slots after it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from akeso.causal.ranks import quantile, typical
from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, Attributes, FeatureMatrix, Floats, Mask, SeriesKey
from akeso.domain.telemetry.cadence import slot_width, told_every
from akeso.domain.telemetry.signal import EDGE_ERROR_RATIO, EDGE_MEAN, EDGE_RATE, RED_RATE, SILENCE, Signal
from akeso.stages.diagnosis.case_cache import cached_per_case

DEVIATING = 3.0  # spreads beyond which a series is taken to have left its past
SILENT_AFTER_S = 2.2  # services report every second; more than two missed reports are no accident
_NORMAL = 1.4826  # MAD of a normal distribution to its standard deviation
_EARLY_SLOTS = 3  # the correlated onset may be late by as much
_GAP_SLOTS = 3  # a longer pause in all measurements is an interruption
_USUAL = 0.95  # quantile of the pauses between two reports
_RARELY = 5  # slots from one value to the next
_FEW = 10.0  # requests of which hardly anything can be told
_ENOUGH = 100.0  # requests for which the floor of an error share is meant; of more, less is no accident
_LEAST_SHARE = 0.15  # of that floor, however many requests

# (absolute, relative to the median): the least spread that is of any practical meaning
_FLOORS: Mapping[Signal, tuple[float, float]] = {
    Signal.LATENCY: (4.0, 0.12),
    Signal.SELF_TIME: (3.0, 0.15),
    Signal.EDGE_LATENCY: (4.0, 0.12),
    Signal.ERRORS: (0.02, 0.0),
    Signal.EDGE_ERRORS: (0.02, 0.0),
    Signal.TRAFFIC: (1.0, 0.15),
    Signal.SATURATION: (0.05, 0.2),
    Signal.BACKLOG: (1.0, 0.4),
    Signal.SILENCE: (0.5, 0.0),
    Signal.LOG_ERRORS: (0.5, 0.3),
    Signal.LOG_VOLUME: (1.0, 0.3),
    Signal.NOVELTY: (0.5, 0.0),
    Signal.LOCKS: (0.3, 0.3),
    Signal.MEMORY: (1e6, 0.02),
    Signal.CPU: (0.04, 0.15),
}
_FLOOR = (1e-9, 0.2)


@dataclass(frozen=True, slots=True)
class SeriesDeviation:
    """One series, before and during.

    past, spread: median and robust standard deviation of the normal past (NaN when there is none); level: median
    during the fault, without its first slot when there are enough; last: the newest value; size: (level − past) /
    spread, 0 when unknown; starts_s: seconds from the case's onset to the first slot of a lasting departure, NaN when
    there is none; index: column in the matrix; unsure_s: by how much earlier the departure may have begun, as the
    series is told no more often.
    """

    index: int
    key: SeriesKey
    signal: Signal
    past: float
    spread: float
    level: float
    last: float
    size: float
    starts_s: float
    unsure_s: float = 0.0

    @property
    def rise(self) -> float:
        """level − past in the unit of the series; 0 when either is unknown."""
        return self.level - self.past if np.isfinite(self.level) and np.isfinite(self.past) else 0.0

    @property
    def up(self) -> bool:
        return self.size >= DEVIATING


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller sees of one callee; None where nothing was measured."""

    latency: SeriesDeviation | None
    errors: SeriesDeviation | None
    rate: SeriesDeviation | None


class Symptoms:
    """All departures of a case, found by service, metric and signal. Made by `read`; never changed."""

    def __init__(self, case: Case) -> None:
        matrix = case.features
        self.matrix = matrix
        self.onset = case.onset
        self.during: Mask = matrix.times > case.onset
        self.slot_s = slot_width(matrix) / NANOSECONDS
        self._by_service: dict[str, list[SeriesDeviation]] = {}
        self._calls_to: dict[str, list[int]] = {}
        self._by_name: dict[tuple[str, str, str, Attributes], SeriesDeviation] = {}
        for deviation in _deviations(matrix, case.onset, self.during):
            key = deviation.key
            self._by_service.setdefault(key.service, []).append(deviation)
            if key.metric == EDGE_RATE:
                self._calls_to.setdefault(dict(key.attributes).get("peer", ""), []).append(deviation.index)
            self._by_name.setdefault((key.service, key.metric, key.stat, key.attributes), deviation)

    @property
    def services(self) -> frozenset[str]:
        """Every service that has a series."""
        return frozenset(self._by_service)

    def of(self, service: str) -> tuple[SeriesDeviation, ...]:
        """All series of a service."""
        return tuple(self._by_service.get(service, ()))

    def find(self, service: str, metric: str, stat: str = "", attributes: Attributes = ()) -> SeriesDeviation | None:
        """The series with exactly this name."""
        return self._by_name.get((service, metric, stat, attributes))

    def metric(self, service: str, metric: str) -> Iterator[SeriesDeviation]:
        """The series of a metric with whatever attributes and stats."""
        return (d for d in self.of(service) if d.key.metric == metric)

    def signal(self, service: str, signal: Signal) -> Iterator[SeriesDeviation]:
        """The series of a service that carry a signal."""
        return (d for d in self.of(service) if d.signal is signal)

    def call(self, caller: str, callee: str) -> Call:
        """The edge from caller to callee as the caller sees it."""
        peer = (("peer", callee),)
        latency, errors, rate = (self.find(caller, name, "", peer) for name in (EDGE_MEAN, EDGE_ERROR_RATIO, EDGE_RATE))
        return Call(latency, errors, rate)

    def values(self, deviation: SeriesDeviation) -> Floats:
        """float64[t] of one series over the whole case."""
        return self.matrix.values[:, deviation.index]

    def lately(self, deviation: SeriesDeviation, slots: int = 2) -> float:
        """Mean of the newest values during the fault; NaN when there are none."""
        values = self.values(deviation)[self.during]
        there = np.flatnonzero(np.isfinite(values))[-slots:]
        # What is measured once a minute already is a mean, and the one before it is of another time.
        there = there[there >= there[-1] - _RARELY * slots] if len(there) else there
        return float(values[there].mean()) if len(there) else float("nan")

    def silent_for(self, service: str) -> float:
        """Seconds since a service was last heard of, when that is unusual for it; else 0."""
        silence = self.find(service, SILENCE)
        if silence is None or not np.isfinite(silence.last):
            return 0.0
        usual = silence.past if np.isfinite(silence.past) else 0.0
        # Who tells of itself only when there is work for it is quiet for very different times.
        before = self.values(silence)[~self.during]
        longest = float(np.nanquantile(before, 0.9)) if np.isfinite(before).any() else 0.0
        if silence.last < max(SILENT_AFTER_S, 2.0 * usual + 1.0, 1.5 * longest):
            return 0.0
        return silence.last if longest <= SILENT_AFTER_S or self._called(service, silence.last) else 0.0

    def _called(self, service: str, since_s: float) -> bool:
        """Whether calls to a service were seen in the newest seconds; True as well when nobody is known to call it."""
        rates = self._calls_to.get(service, ())
        last = self.matrix.times > self.matrix.times[-1] - int(since_s * NANOSECONDS)
        return not rates or bool(np.nansum(self.matrix.values[np.ix_(last, rates)]) > 0)

    def quiet_slots(self, service: str) -> int:
        """How many of the newest slots hold neither a gauge that the service always sent nor a finished request."""
        signs = self._signs_of_life(service)
        return 0 if signs is None else len(signs) - int(np.flatnonzero([True, *signs])[-1])

    def shows_life(self, service: str) -> bool:
        """Whether a gauge that the service always sent, or a finished request, is in the newest slot."""
        signs = self._signs_of_life(service)
        return signs is not None and bool(signs[-1])

    def _signs_of_life(self, service: str) -> Mask | None:
        """bool[t], None for a service without steady gauges: it may have been quiet before."""
        own = [d.index for d in self.of(service) if not d.key.metric.startswith("akeso.")]
        if not own or not self.during.any() or self.during.all():
            return None
        present = np.isfinite(self.matrix.values[:, own])
        steady = present[~self.during].mean(axis=0) >= 0.8
        if not steady.any():
            return None
        alive: Mask = np.asarray(present[:, steady].any(axis=1), np.bool_)
        if (rate := self.find(service, RED_RATE)) is not None:
            alive = np.logical_or(alive, np.nan_to_num(self.values(rate)) > 0)
        return alive


@cached_per_case
def read(case: Case) -> Symptoms:
    """The symptoms of a case (computed once, then shared by all providers: a case is hashed by identity)."""
    return Symptoms(case)


def _deviations(matrix: FeatureMatrix, onset: int, during: Mask) -> Iterator[SeriesDeviation]:
    past, spread = _normal(matrix, during)
    level = _level(matrix, during)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.nan_to_num((level - past) / spread, nan=0.0, posinf=0.0, neginf=0.0)
    starts = _starts(matrix, onset, past, spread)
    last, unsure = _newest(matrix.values), (told_every(matrix) - slot_width(matrix)) / NANOSECONDS
    for i, key in enumerate(matrix.keys):
        yield SeriesDeviation(
            index=i,
            key=key,
            signal=Signal(int(matrix.signals[i])),
            past=float(past[i]),
            spread=float(spread[i]),
            level=float(level[i]),
            last=float(last[i]),
            size=float(size[i]),
            starts_s=float(starts[i]),
            unsure_s=float(unsure[i]),
        )


def significance(requests: float) -> float:
    """How far a practical limit of an error share shrinks (1 to 0.15) when more requests than usual were counted.

    The spread of a share falls with the square root of the number of requests.
    """
    return max(_LEAST_SHARE, min(1.0, float(np.sqrt(_ENOUGH / max(requests, _ENOUGH)))))


def telling(requests: float) -> float:
    """How much the times of so many requests say (0 to 1): few may have been of a slow kind. 1 when not counted."""
    return min(1.0, requests / _FEW) if np.isfinite(requests) else 1.0


def usual_pause(counts: Floats) -> int:
    """How many empty slots in a row are usual where something is counted."""
    there = np.flatnonzero(counts > 0)
    return int(np.quantile(np.diff(there) - 1, _USUAL)) if len(there) > 1 else 0


def _level(matrix: FeatureMatrix, during: Mask) -> Floats:
    values = matrix.values[during][1:] if during.sum() > 3 else matrix.values[during]
    level = typical(values)
    # With a call or two a slot, a share jumps between 0 and 1 and its median says nothing: the mean does.
    shares = _shares(matrix)
    level[shares] = _mean(values[:, shares])
    return level


def _shares(matrix: FeatureMatrix) -> Mask:
    return np.isin(matrix.signals, (Signal.ERRORS, Signal.EDGE_ERRORS))


def _mean(values: Floats) -> Floats:
    counts = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = np.nansum(values, axis=0) / counts
    return mean


def _normal(matrix: FeatureMatrix, during: Mask) -> tuple[Floats, Floats]:
    before = matrix.values[~during]
    counts = np.isfinite(before).sum(axis=0)
    if before.shape[0] == 0:
        return np.full(len(matrix.keys), np.nan), np.full(len(matrix.keys), np.nan)
    ordered = np.sort(before, axis=0)
    median = quantile(ordered, counts, 0.5)
    shares = _shares(matrix)
    # For shares the mean again, of the calmest nine tenths: earlier incidents shall not count.
    calmest = np.where(before <= quantile(ordered, counts, 0.9), before, np.nan)
    median[shares] = _mean(calmest[:, shares])
    mad = typical(np.abs(before - median))
    # An earlier incident inside the past widens the upper side only: the calmer side tells the normal spread.
    calm = np.fmin(mad, median - quantile(ordered, counts, 0.25))
    with np.errstate(invalid="ignore", divide="ignore"):
        few = 1.0 + 4.0 / counts
    spread = np.maximum(calm, 0.7 * mad) * few
    median, spread = _since_interruption(matrix, during, median, spread)
    return median, np.maximum(_NORMAL * spread, _floor(matrix, median, during) * few)


def _since_interruption(matrix: FeatureMatrix, during: Mask, past: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """(past, spread) as the slots since an interruption correct them.

    After a pause in all measurements much may have changed. Where all that was seen since then lies to one side of the
    past, the nearest of it is normal now, and what is larger varies more: the first signs of a fault do no harm so.
    What was not seen since then has no known past.
    """
    width = np.median(np.diff(matrix.times)) if len(matrix.times) > 1 else 0
    pauses = np.flatnonzero(np.diff(matrix.times[~during]) > _GAP_SLOTS * width)
    if not len(pauses):
        return past, spread
    recent = matrix.values[~during][pauses[-1] + 1 :]
    low, high = np.fmin.reduce(recent, axis=0), np.fmax.reduce(recent, axis=0)
    now = np.where(np.isfinite(past) & np.isfinite(low), np.fmax(low, np.fmin(past, high)), low)
    with np.errstate(invalid="ignore", divide="ignore"):
        larger = np.fmax(1.0, np.where(past > 0, now / past, 1.0))
    return now, spread * larger


def _floor(matrix: FeatureMatrix, median: Floats, during: Mask) -> Floats:
    floors = np.array([_FLOORS.get(Signal(int(code)), _FLOOR) for code in matrix.signals]).reshape(-1, 2)
    floor: Floats = np.maximum(floors[:, 0], floors[:, 1] * np.abs(median))
    requests = _requests(matrix, during)
    for i in np.flatnonzero(np.isin(matrix.signals, (Signal.ERRORS, Signal.LATENCY))):
        sure = significance(requests.get(matrix.keys[i].service, 0.0))
        floor[i] = max(floors[i, 0] * sure, floors[i, 1] * abs(median[i]))
    return floor


def _requests(matrix: FeatureMatrix, during: Mask) -> Mapping[str, float]:
    rates = [(i, key.service) for i, key in enumerate(matrix.keys) if key.metric == RED_RATE and not key.attributes]
    width = slot_width(matrix) / NANOSECONDS
    return {service: width * float(np.nansum(matrix.values[during, i])) for i, service in rates}


def _starts(matrix: FeatureMatrix, onset: int, past: Floats, spread: Floats) -> Floats:
    early = onset - int((_EARLY_SLOTS - 0.5) * slot_width(matrix))
    first = int(np.searchsorted(matrix.times, early, side="right"))
    values, times = matrix.values[first:], matrix.times[first:]
    if len(times) == 0:
        return np.full(len(matrix.keys), np.nan)
    with np.errstate(invalid="ignore"):
        away = np.abs(values - past) > DEVIATING * spread
    lasting = away.copy()
    lasting[:-1] &= away[1:] | np.isnan(values[1:])
    seconds = (times - onset) / NANOSECONDS
    starts: Floats = np.where(lasting.any(axis=0), seconds[lasting.argmax(axis=0)], np.nan)
    return starts


def _newest(values: Floats) -> Floats:
    if values.shape[0] == 0:
        return np.full(values.shape[1], np.nan)
    present = np.isfinite(values)
    back = present[::-1].argmax(axis=0)
    newest: Floats = values[values.shape[0] - 1 - back, np.arange(values.shape[1])]
    return newest
