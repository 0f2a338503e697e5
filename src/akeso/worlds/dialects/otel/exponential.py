"""Latencies on the grid as exponential histograms.

https://opentelemetry.io/docs/specs/otel/metrics/sdk/#base2-exponential-bucket-histogram-aggregation
"""

import numpy as np
from numpy.typing import NDArray

from akeso.worlds.dialects.tally.grid import CELLS, middles_ms

_MOST, _FINEST = 160, 6


def buckets(counts: NDArray[np.int64], in_ms: float) -> tuple[int, int, list[int]]:
    """Scale, offset and counts of an SDK's histogram of 160 buckets: the finest scale that fits what was seen. A
    latency stands for its cell's middle. counts: int64[CELLS], at least one above 0; in_ms: milliseconds in a unit."""
    cells = np.flatnonzero(counts)
    for scale in range(_FINEST, -11, -1):
        index = _index(scale, in_ms)[cells]
        low, high = int(index[0]), int(index[-1])
        if high - low < _MOST:
            break
    inside = np.bincount(index - low, counts[cells], high - low + 1)
    return scale, low, inside.astype(np.int64).tolist()


_INDEXES: dict[tuple[int, float], NDArray[np.int64]] = {}


def _index(scale: int, in_ms: float) -> NDArray[np.int64]:
    """int64[CELLS]: the bucket of each cell; bucket i is (base ** i, base ** (i + 1)]."""
    found = _INDEXES.get((scale, in_ms))
    if found is None:
        values = np.log2(middles_ms() / in_ms) * 2.0**scale
        found = _INDEXES[scale, in_ms] = (np.ceil(values) - 1).astype(np.int64)
        assert len(found) == CELLS
    return found
