"""What becomes of a metric series: its feature, how instances combine, and its unit."""

import math
from dataclasses import dataclass, replace
from enum import IntEnum

from akeso.domain.telemetry.batches import Attributes, SeriesKey, Temporality
from akeso.domain.telemetry.signal import Signal
from akeso.stages.features.metric_meanings import meanings_in_force, signal_of, words_of

INSTANCE = "service.instance.id"
BOUND, ABOVE = "le", "gt"

_MILLISECONDS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "ns": 1e-6, "min": 6e4, "h": 3.6e6}
_UNIT_SUFFIXES = {"_seconds": "s", "_milliseconds": "ms", "_microseconds": "us", "_nanoseconds": "ns"}
_PERCENT = frozenset({"%", "percent"})
_FRACTIONS = frozenset({Signal.ERRORS, Signal.EDGE_ERRORS, Signal.SATURATION, Signal.CPU})
_SHARES = frozenset({"ratio", "utilization", "utilisation", "percent", "load", "temperature"})
_DURATIONS = frozenset({"latency", "duration", "age"})
_OF_EACH = frozenset({Signal.LATENCY, Signal.EDGE_LATENCY, Signal.ERRORS, Signal.EDGE_ERRORS})
_OF_A_PROCESS = ("process.", "process_", "container.", "container_", "jvm.", "jvm_", "go.", "go_", "system.", "k8s.")


class Part(IntEnum):
    """Which column of a histogram a series holds."""

    NONE = 0
    COUNT = 1
    SUM = 2
    BUCKET = 3
    RANGE = 4


_PARTS = {"count": Part.COUNT, "sum": Part.SUM, "bucket": Part.BUCKET, "range": Part.RANGE}


@dataclass(frozen=True, slots=True)
class MetricSemantics:
    """Of one ingested series.

    feature: the level or rate it contributes to (None for a histogram's sum and buckets). averaged: instances are
    averaged, not summed. scale: what a level, or a histogram's sum and bounds, is multiplied with; below zero, the
    level is what is missing to 1 (a probe tells what is up, and what is down is looked at). histogram: the
    distribution it is a `part` of, instances together; bound: upper bound of a bucket or range, above: lower bound of a
    range (-inf for a bucket), both in the histogram's unit.
    """

    feature: SeriesKey | None
    averaged: bool
    scale: float
    part: Part = Part.NONE
    histogram: SeriesKey | None = None
    bound: float = math.nan
    above: float = -math.inf


def semantics_of(key: SeriesKey) -> MetricSemantics:
    """Instances of one service combine into one feature: shares, durations and what one process has of its own
    (`process.*`, `jvm.*`, …) are averaged, so that a second instance coming up in a rolling deploy is no jump; counts,
    bytes and rates are summed. Durations of histograms and latencies are told in ms, shares as fractions."""
    part = _PARTS.get(key.stat, Part.NONE)
    if part is not Part.NONE:
        return _distribution(key, part)
    if key.temporality is not Temporality.GAUGE:
        return MetricSemantics(_rate(key, without(key.attributes, INSTANCE)), averaged=False, scale=1.0)
    level = replace(key, attributes=without(key.attributes, INSTANCE))
    unit = unit_of(key)
    signal = signal_of(level)
    if unit in _MILLISECONDS and signal in {Signal.LATENCY, Signal.EDGE_LATENCY}:
        return MetricSemantics(replace(level, unit="ms"), averaged=True, scale=_MILLISECONDS[unit])
    if unit in _PERCENT and signal in _FRACTIONS:
        return MetricSemantics(replace(level, unit="1"), averaged=True, scale=0.01)
    if signal is Signal.DOWN:
        return MetricSemantics(replace(level, unit="1"), averaged=True, scale=-1.0)
    averaged = signal in _OF_EACH or _is_averaged(key.metric, unit)
    return MetricSemantics(level, averaged=averaged, scale=1.0)


def unit_of(key: SeriesKey) -> str:
    """The unit of a metric, told from what is known of it or from its name where the sender gave none (Prometheus:
    `…_seconds`)."""
    if key.unit:
        return key.unit
    meaning = meanings_in_force().of(key.metric)
    if meaning is not None and (meaning.unit in _MILLISECONDS or meaning.unit in _PERCENT):
        return meaning.unit
    return next((unit for suffix, unit in _UNIT_SUFFIXES.items() if key.metric.endswith(suffix)), "")


def without(attributes: Attributes, *names: str) -> Attributes:
    """The attributes but those."""
    found = tuple([pair for pair in attributes if pair[0] not in names])
    return attributes if len(found) == len(attributes) else found


def count_of(key: SeriesKey) -> SeriesKey:
    """The series that counts the observations of the histogram that `key` is a range of."""
    return replace(key, stat="count", attributes=without(key.attributes, BOUND, ABOVE))


def _distribution(key: SeriesKey, part: Part) -> MetricSemantics:
    unit = unit_of(key)
    scale = _MILLISECONDS.get(unit, 1.0)
    attributes = without(key.attributes, INSTANCE, BOUND, ABOVE)
    told = "ms" if unit in _MILLISECONDS else unit
    histogram = SeriesKey(key.tenant, key.service, key.metric, attributes, told)
    feature = _rate(key, attributes) if part is Part.COUNT else None
    bound, above = _bound(key, BOUND, math.nan) * scale, _bound(key, ABOVE, -math.inf) * scale
    return MetricSemantics(feature, False, scale, part, histogram, bound, above)


def _rate(key: SeriesKey, attributes: Attributes) -> SeriesKey:
    counted = "1" if key.stat == "count" else key.unit or "1"
    return SeriesKey(key.tenant, key.service, key.metric, attributes, f"{counted}/s", stat="rate")


def _bound(key: SeriesKey, name: str, absent: float) -> float:
    try:
        return float(dict(key.attributes).get(name, absent))
    except ValueError:
        return math.nan


def _is_averaged(name: str, unit: str) -> bool:
    if unit in _MILLISECONDS or unit in _PERCENT or unit == "1" or name.lower().startswith(_OF_A_PROCESS):
        return True
    words, kind = words_of(name)
    return not unit and (kind == "share" or not (_SHARES | _DURATIONS).isdisjoint(words))
