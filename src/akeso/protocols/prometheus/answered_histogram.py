"""Native histograms as Prometheus' query API answers them, as series.

https://prometheus.io/docs/prometheus/latest/querying/api/#native-histograms. An answer tells the occupied buckets by
their bounds, not by a schema. A bucket whose bounds are those of a schema goes to the grid that pushed histograms are
told on; one with bounds of its own (custom buckets) is told as it is.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from akeso.domain.errors import InvalidInput
from akeso.protocols.otlp.exponential_histogram import MOST_BUCKETS, SCALES, Range, mirrored, ranges, zero
from akeso.protocols.prometheus.native_histogram import Part

# Which bounds belong to the bucket: the zero bucket alone has both.
_BOTH_CLOSED = 3
# How far a bound may be from one of a schema, as a share of a bucket: doubles hold theirs to far less.
_NEAR = 1e-3

_Bucket: TypeAlias = tuple[Annotated[int, Meta(ge=0, le=3)], str, str, str]


class AnsweredHistogram(msgspec.Struct, frozen=True):
    """As it is answered: numbers are text. buckets: the rule of the bounds, the lower and the upper, how many lie
    between."""

    count: str
    sum: str
    buckets: Annotated[list[_Bucket], Meta(max_length=MOST_BUCKETS)] = []


def answered_parts(told: AnsweredHistogram, *, is_level: bool) -> Iterator[tuple[Part, float]]:
    """The values that a histogram is made of, as akeso.protocols.prometheus.native_histogram.histogram_parts has them.

    is_level: it counts what there is and not what there was (a gauge histogram, the result of an expression): only how
    many observations there are and their sum. Raises InvalidInput when it does not hold together.
    """
    count = _number("count", told.count)
    if not 0 <= count < math.inf:
        raise InvalidInput("count", f"is {told.count}; it has to be a number that is not negative")
    gauge = "g" if is_level else ""
    yield (f"{gauge}count", 0.0, 0.0), count
    yield (f"{gauge}sum", 0.0, 0.0), _number("sum", told.sum)
    if not is_level:
        for (above, upto), inside in _occupied(told.buckets).items():
            yield ("range", above, upto), inside


def _occupied(buckets: Sequence[_Bucket]) -> dict[Range, float]:
    found: dict[Range, float] = {}
    for rule, *told in buckets:
        lower, upper, inside = (_number("buckets", each) for each in told)
        if not (lower <= upper and 0 <= inside < math.inf):
            raise InvalidInput("buckets", f"hold one from {told[0]} to {told[1]} with {told[2]} in it")
        for each, part in _ranges(rule, lower, upper, inside):
            found[each] = found.get(each, 0.0) + part
    return found


def _ranges(rule: int, lower: float, upper: float, inside: float) -> Iterator[tuple[Range, float]]:
    if rule == _BOTH_CLOSED and lower <= 0:
        return zero(upper, inside)
    if upper <= 0 and (schema := _schema(-upper, -lower)) is not None:
        return mirrored(ranges(schema, _index(schema, -lower), [inside]))
    if (schema := _schema(lower, upper)) is not None:
        return ranges(schema, _index(schema, upper), [inside])
    # As histogram_quantile has it: below the first bound of a custom histogram nothing is negative.
    return iter([((min(0.0, upper) if math.isinf(lower) else lower, upper), inside)])


def _schema(lower: float, upper: float) -> int | None:
    """The schema that a bucket of positive numbers belongs to, None for a custom one."""
    if not 0 < lower < upper < math.inf:
        return None
    if not (doublings := math.log2(upper) - math.log2(lower)) > 0:
        return None
    schema = -math.log2(doublings)
    nearest = round(schema)
    ends = math.log2(upper) * 2.0**nearest
    on_grid = abs(schema - nearest) < _NEAR and abs(ends - round(ends)) < _NEAR
    return nearest if on_grid and nearest in SCALES else None


def _index(schema: int, upper: float) -> int:
    """Of the bucket that ends at `upper`, counted as OpenTelemetry does."""
    return round(math.log2(upper) * 2.0**schema) - 1


def _number(field: str, told: str) -> float:
    try:
        return float(told)
    except ValueError as bad:
        raise InvalidInput(field, f"{told[:40]!r} is no number") from bad
