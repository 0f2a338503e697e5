"""Native histograms of Prometheus as series. https://prometheus.io/docs/specs/native_histograms/"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import Attributes, Floats, SeriesKey, Temporality
from akeso.protocols.otlp.exponential_histogram import MOST_BUCKETS, SCALES, Range, mirrored, ranges, zero

STALE = struct.pack("<Q", 0x7FF0_0000_0000_0002)
_CUSTOM, _GAUGE = -53, 3

Part: TypeAlias = tuple[str, float, float]  # what it is: count, sum, bucket, range, gcount, gsum; above; up to


def histogram_parts(point: Any, place: str) -> Iterator[tuple[Part, float]]:
    """The values that a native histogram is made of: count and sum, and one a bucket.

    Nothing for the stale marker; of a gauge histogram only how many observations there are and their sum. Raises
    InvalidInput naming `place` when the histogram does not hold together.
    """
    if struct.pack("<d", point.sum) == STALE:
        return
    positive = list(_spans(point.positive_spans, point.positive_deltas, point.positive_counts, place))
    negative = list(_spans(point.negative_spans, point.negative_deltas, point.negative_counts, place))
    count = float(point.count_int) or point.count_float
    _check_count(point, count, [*positive, *negative], place)
    gauge = "g" if point.reset_hint == _GAUGE else ""
    yield (f"{gauge}count", 0.0, 0.0), count
    yield (f"{gauge}sum", 0.0, 0.0), point.sum
    if gauge:
        return
    if point.schema == _CUSTOM:
        yield from _buckets(point.custom_values, positive, place)
    elif point.schema in SCALES:
        for (above, upto), inside in _ranges(point, positive, negative).items():
            yield ("range", above, upto), inside
    else:
        raise InvalidInput(place, f"has the schema {point.schema}, which is not known")


def part_key(key: SeriesKey, part: Part) -> SeriesKey:
    """The series of a part. key: that of the metric."""
    stat, above, upto = part
    cumulative = replace(key, temporality=Temporality.CUMULATIVE, stat=stat)
    match stat:
        case "gcount":
            return replace(key, metric=f"{key.metric}_gcount", unit="", temporality=Temporality.GAUGE, stat="")
        case "gsum":
            return replace(key, metric=f"{key.metric}_gsum", temporality=Temporality.GAUGE, stat="")
        case "bucket":
            return replace(cumulative, attributes=_with(key, {"le": upto}))
        case "range":
            return replace(cumulative, attributes=_with(key, {"gt": above, "le": upto}))
        case _:
            return cumulative


def _spans(spans: Any, deltas: Any, counts: Any, place: str) -> Iterator[tuple[int, Floats]]:
    """Runs of buckets: the index of the first, and how many observations each holds."""
    if max(len(spans), len(deltas), len(counts)) > MOST_BUCKETS:
        raise InvalidInput(place, f"has more than {MOST_BUCKETS} buckets")
    inside = np.array(counts, np.float64) if len(counts) else np.cumsum(np.array(deltas, np.float64))
    lengths = [span.length for span in spans]
    if sum(lengths) != len(inside):
        raise InvalidInput(place, f"has spans for {sum(lengths)} buckets and counts for {len(inside)}")
    if not (inside >= 0).all():
        raise InvalidInput(place, "has a bucket with less than nothing in it")
    index = done = 0
    for span, length in zip(spans, lengths, strict=True):
        index += span.offset
        yield index, inside[done : done + length]
        index, done = index + length, done + length


def _check_count(point: Any, count: float, runs: Sequence[tuple[int, Floats]], place: str) -> None:
    whole = not (len(point.positive_counts) or len(point.negative_counts) or point.count_float)
    inside = sum(float(counts.sum()) for _, counts in runs) + float(point.zero_count_int)
    # Observations that were NaN are counted but lie in no bucket, and make the sum NaN.
    if whole and (inside > count or (inside < count and not math.isnan(point.sum))):
        raise InvalidInput(place, f"counts {count:g} observations, and {inside:g} in its buckets")
    if not count >= 0 or not point.zero_count_float >= 0:
        raise InvalidInput(place, "counts less than nothing")


def _ranges(
    point: Any, positive: Sequence[tuple[int, Floats]], negative: Sequence[tuple[int, Floats]]
) -> dict[Range, float]:
    # Runs that do not touch may still share a range of the grid.
    above = chain.from_iterable(ranges(point.schema, first - 1, counts.tolist()) for first, counts in positive)
    below = chain.from_iterable(ranges(point.schema, first - 1, counts.tolist()) for first, counts in negative)
    around = zero(point.zero_threshold, float(point.zero_count_int) or point.zero_count_float)
    found: dict[Range, float] = {}
    for each, inside in chain(mirrored(below), around, above):
        found[each] = found.get(each, 0.0) + inside
    return found


def _buckets(bounds: Any, runs: Sequence[tuple[int, Floats]], place: str) -> Iterator[tuple[Part, float]]:
    """Explicit buckets, each with all that lies up to its bound."""
    if len(bounds) > MOST_BUCKETS or not (np.diff(bounds) > 0).all():
        raise InvalidInput(place, f"has to have at most {MOST_BUCKETS} bounds, each above the one before")
    inside = np.zeros(len(bounds) + 1)
    for first, counts in runs:
        if first < 0 or first + len(counts) > len(inside):
            raise InvalidInput(place, f"has buckets beyond its {len(bounds)} bounds")
        inside[first : first + len(counts)] += counts
    for bound, upto in zip((*bounds, math.inf), inside.cumsum().tolist(), strict=True):
        yield ("bucket", 0.0, bound), upto


def _with(key: SeriesKey, bounds: dict[str, float]) -> Attributes:
    marks = {name: "+Inf" if bound == math.inf else str(float(bound)) for name, bound in bounds.items()}
    return tuple(sorted((dict(key.attributes) | marks).items()))
