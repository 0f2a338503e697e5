"""Exponential histograms on one grid, so that their buckets can be series.

A sender may change its scale at any time and every instance has its own, but a bucket of one scale lies wholly inside
one of each smaller scale (base = 2 ** 2 ** -scale). So all buckets are told on the grid of scale GRID, exactly; those
of a smaller scale stay as they are, their bounds are on the grid as well.

https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from akeso.domain.errors import InvalidInput

# Four ranges to each doubling. Of 300 samples of lognormal latencies 95 % had their 95th percentile told within 4.5 %
# of NumPy's, with 25 series each; two ranges gave 10 % with 13 series, eight gave 3 % with 45.
GRID = 2
SCALES = range(-10, 21)
MOST_BUCKETS = 10_000
_LOWEST, _HIGHEST = -1022, 1024  # powers of two that a double holds in full, and no longer holds

Range: TypeAlias = tuple[float, float]  # greater than, less than or equal; finite


def ranges(scale: int, offset: int, counts: Sequence[float]) -> Iterator[tuple[Range, float]]:
    """The occupied ranges of positive buckets and how many observations each holds.

    counts: of the buckets offset, offset + 1, …; bucket i holds what is > base ** i and ≤ base ** (i + 1), as in
    OpenTelemetry (Prometheus' native histograms count from 1: pass their offset less one). Raises InvalidInput for a
    scale that no value of a double needs, or more buckets than anybody has.
    """
    if scale not in SCALES:
        raise InvalidInput("scale", f"has to be from {SCALES[0]} to {SCALES[-1]}")
    if len(counts) > MOST_BUCKETS:
        raise InvalidInput("bucketCounts", f"has more than {MOST_BUCKETS} buckets")
    if not len(counts):
        return
    grid = min(scale, GRID)
    index = (offset + np.arange(len(counts))) >> (scale - grid)
    index = np.clip(index, *_limits(grid))
    inside = np.bincount(index - index[0], np.asarray(counts, np.float64))
    for place in np.flatnonzero(inside).tolist():
        yield _range(grid, place + int(index[0])), float(inside[place])


def mirrored(found: Iterable[tuple[Range, float]]) -> Iterator[tuple[Range, float]]:
    """The ranges of negative buckets, told like positive ones."""
    for (above, upto), inside in found:
        yield (-upto, -above), inside


def zero(threshold: float, count: float) -> Iterator[tuple[Range, float]]:
    """The range around zero, if anything is in it."""
    if count:
        yield (0.0, threshold), float(count)


@lru_cache(maxsize=20_000)
def _range(grid: int, index: int) -> Range:
    return _bound(grid, index), _bound(grid, index + 1)


def _bound(grid: int, index: int) -> float:
    exponent = index * 2.0**-grid
    return sys.float_info.max if exponent >= _HIGHEST else float(np.exp2(exponent))


@lru_cache(maxsize=64)
def _limits(grid: int) -> tuple[int, int]:
    return int(np.floor(_LOWEST * 2.0**grid)), int(np.ceil(_HIGHEST * 2.0**grid)) - 1
