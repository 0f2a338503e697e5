"""Watches: which symptoms tell whether users are well again, and what is normal for each.

Normal is the series' own past before the incident: its median, and what it strayed from it (median absolute deviation
and 95th percentile), with floors below which a difference does not matter to anybody.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.incident.events import Watch
from akeso.domain.incident.incident import Incident
from akeso.domain.telemetry.batches import Attributes, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.cadence import told_every
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, Signal
from akeso.domain.telemetry.times import epoch_ns
from akeso.stages.features.metric_meanings import signal_of

# Users feel these themselves; the other symptoms only matter when there is nothing else to watch.
_FELT = frozenset(SYMPTOMS)
# (absolute, relative to the median): the least departure from the median that counts
_FLOORS: Mapping[Signal, tuple[float, float]] = MappingProxyType(
    {
        Signal.LATENCY: (15.0, 0.35),
        Signal.EDGE_LATENCY: (15.0, 0.35),
        Signal.SELF_TIME: (15.0, 0.35),
        Signal.ERRORS: (0.03, 0.25),
        Signal.EDGE_ERRORS: (0.05, 0.25),
        Signal.LOG_ERRORS: (0.5, 0.5),
        Signal.LOG_VOLUME: (5.0, 1.0),
        Signal.SILENCE: (2.0, 0.25),
        Signal.BACKLOG: (5.0, 0.25),
        Signal.LOCKS: (0.9, 0.25),
        Signal.SATURATION: (0.1, 0.25),
        Signal.CPU: (0.15, 0.25),
    }
)
_FLOOR = (0.0, 0.25)
_NORMAL = 1.4826  # the MAD of a normal distribution to its standard deviation
_BACKLOG_LEFT = 0.2  # a backlog that has shrunk to this share of itself is being worked off

Identity: TypeAlias = tuple[str, str, Attributes, str]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The symptoms that verification watches.

    at_most: symptoms that are watched, the strongest first.
    spreads: robust standard deviations from the median that are still normal.
    past: slots of the past from which it is told what is normal.
    min_samples: values of the past that are needed for that.
    """

    at_most: int = 12
    spreads: float = 3.0
    past: int = 240
    min_samples: int = 8


@dataclass(frozen=True, slots=True)
class Normal:
    """What is normal for a series: median, robust standard deviation, 95th percentile."""

    median: float
    spread: float
    high: float


def choose_watches(
    incident: Incident, matrix: FeatureMatrix, targets: Iterable[str] = (), options: WatchOptions | None = None
) -> tuple[Watch, ...]:
    """The incident's symptoms, strongest first, and the errors and latency of every service concerned.

    A watch whose `at_fault` is not above its `bound` is no symptom: it stands in for one that vanished. targets: the
    services that were acted on.
    """
    options = options or WatchOptions()
    columns, every = columns_of(matrix), told_every(matrix)
    onset = epoch_ns(incident.onset)
    watches = {
        identity(a.key): _symptom(a, matrix, columns.get(identity(a.key)), onset, options)
        for a in _strongest(incident.anomalies, options)
    }
    shown = {a.service for a in _strongest(incident.anomalies, options)}
    for key in _requests(matrix, shown | {incident.service, *targets}, shown):
        if identity(key) not in watches:
            values = matrix.values[:, columns[identity(key)]]
            watches[identity(key)] = _stand_in(key, values, matrix, onset, options)
    paces = {i: timedelta(microseconds=int(every[columns[i]]) / 1_000) for i in watches if i in columns}
    return tuple(replace(w, every=max(w.every, paces.get(i, w.every))) for i, w in watches.items() if w is not None)


def identity(key: SeriesKey) -> Identity:
    """What a watch knows of a series."""
    return key.service, key.metric, key.attributes, key.stat


def identity_of(watch: Watch) -> Identity:
    return watch.service, watch.metric, watch.attributes, watch.stat


def columns_of(matrix: FeatureMatrix) -> dict[Identity, int]:
    """Identity → column."""
    return {identity(key): column for column, key in enumerate(matrix.keys)}


def signal(watch: Watch) -> Signal:
    """What the watched series measures."""
    return signal_of(SeriesKey("", watch.service, watch.metric, watch.attributes, stat=watch.stat))


def is_symptom(watch: Watch) -> bool:
    """Whether the series was out of its normal range at the fault."""
    return watch.at_fault > watch.bound


def _strongest(anomalies: Iterable[Anomaly], options: WatchOptions) -> list[Anomaly]:
    once = {identity(a.key): a for a in sorted(anomalies, key=lambda a: a.score)}
    ranked = sorted(once.values(), key=lambda a: -a.score)
    return ([a for a in ranked if a.signal in _FELT] or ranked)[: options.at_most]


def _requests(matrix: FeatureMatrix, services: set[str], shown: set[str]) -> Iterator[SeriesKey]:
    own = [key for key in matrix.keys if key.service in services]
    red = [key for key in own if key.metric in {RED_ERRORS, RED_MEAN}]
    yield from red
    # Of a service without spans whose anomalies are still to come: whatever it says itself of its errors and latency.
    known = {key.service for key in red} | shown
    yield from (key for key in own if key.service not in known and signal_of(key) in {Signal.ERRORS, Signal.LATENCY})


def _symptom(
    anomaly: Anomaly, matrix: FeatureMatrix, column: int | None, onset: int, options: WatchOptions
) -> Watch | None:
    values = matrix.values[:, column] if column is not None else np.full(len(matrix.times), np.nan)
    normal = _normal(_past(values, matrix, onset, options), options) or _believed(anomaly)
    seen = [v for v in (anomaly.observed, _level(values[matrix.times > onset])) if isfinite(v)]
    if not seen:
        return None
    return replace(_watch(anomaly.key, normal, max(seen), options), every=anomaly.every)


def _stand_in(key: SeriesKey, values: Floats, matrix: FeatureMatrix, onset: int, options: WatchOptions) -> Watch | None:
    normal = _normal(_past(values, matrix, onset, options), options)
    if normal is None:
        return None
    seen = _level(values[matrix.times > onset])
    return _watch(key, normal, seen if isfinite(seen) else normal.median, options)


def _watch(key: SeriesKey, normal: Normal | None, at_fault: float, options: WatchOptions) -> Watch:
    kind = signal_of(key)
    bound = at_fault / 2 if normal is None else _bound(kind, normal, at_fault, options)
    return Watch(key.service, key.metric, key.attributes, key.stat, bound, at_fault)


def _bound(kind: Signal, normal: Normal, at_fault: float, options: WatchOptions) -> float:
    absolute, relative = _FLOORS.get(kind, _FLOOR)
    stray = max(options.spreads * normal.spread, relative * abs(normal.median), absolute)
    bound = max(normal.median + stray, normal.high)
    halfway = normal.median + 0.5 * (at_fault - normal.median)
    if kind is Signal.BACKLOG:
        return max(bound, normal.median + _BACKLOG_LEFT * (at_fault - normal.median))
    if kind is not Signal.SILENCE and at_fault > normal.median:
        # A fault inside the normal range would otherwise be over before anything was done about it.
        bound = max(min(bound, halfway), normal.median + normal.spread)
    return bound


def _past(values: Floats, matrix: FeatureMatrix, onset: int, options: WatchOptions) -> Floats:
    past = values[matrix.times <= onset][-options.past :]
    return past[np.isfinite(past)]


def _normal(past: Floats, options: WatchOptions) -> Normal | None:
    if len(past) < options.min_samples:
        return None
    median = float(np.median(past))
    spread = _NORMAL * float(np.median(np.abs(past - median)))
    return Normal(median, spread, float(np.quantile(past, 0.95)))


def _believed(anomaly: Anomaly) -> Normal | None:
    # The detectors may know a past that the window no longer holds.
    if not isfinite(anomaly.expected):
        return None
    spread = anomaly.spread if isfinite(anomaly.spread) else 0.0
    return Normal(anomaly.expected, spread, anomaly.expected)


def _level(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite[-5:])) if len(finite) else float("nan")
