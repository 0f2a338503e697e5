"""The grid that latencies are counted on: every bound that a dialect tells is on it, so that told buckets are exact."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Floats, Ids, Times
from akeso.worlds.observation import GRID_MS

OTEL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry: advised bounds of http.*.request.duration, s. https://opentelemetry.io/docs/specs/semconv/http/"""
OTEL_DB_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""OpenTelemetry: advised bounds of db.client.operation.duration, s."""
OTEL_DEFAULT = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4)
"""OpenTelemetry SDK: bounds without advice, whatever the unit."""
PROMETHEUS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""client_golang's DefBuckets, s."""
PYTHON_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""prometheus_client's DEFAULT_BUCKETS, s."""
ISTIO_MS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6)
"""Envoy's bounds of histograms, ms, as Istio tells them."""
EXPRESS_SECONDS = (0.003, 0.03, 0.1, 0.3, 1.5, 5.0, 10.0)
"""express-prom-bundle's default buckets, s."""
DOTNET_SECONDS = tuple(round(0.001 * 2**power, 3) for power in range(16))
"""prometheus-net's buckets of http_request_duration_seconds, s."""

_SECONDS = (*EXPRESS_SECONDS, *DOTNET_SECONDS, *OTEL_SECONDS, *OTEL_DB_SECONDS, *PROMETHEUS_SECONDS, *PYTHON_SECONDS)
BOUNDS_MS: NDArray[np.float64] = np.unique(
    np.concatenate((GRID_MS, [1e3 * each for each in _SECONDS], [each for each in OTEL_DEFAULT if each], ISTIO_MS))
)
CELLS = len(BOUNDS_MS) + 1


def cell_of(latency_ms: Floats) -> Ids:
    """int32[n]: the cell that each latency falls into, le semantics; the last is beyond all bounds."""
    return np.searchsorted(BOUNDS_MS, latency_ms, side="left").astype(np.int32)


def fold(counts: Times, bounds_ms: tuple[float, ...]) -> Times:
    """int64[rows, len(bounds) + 1]: counts on the grid as counts between other bounds (ms, ascending, of the grid)."""
    folded: Times = np.add.reduceat(counts, _starts(bounds_ms), axis=1)
    if bounds_ms[0] <= 0:
        folded[:, 0] = 0  # nothing takes no time; reduceat took one cell for the empty range
    return folded


@lru_cache(maxsize=64)
def _starts(bounds_ms: Sequence[float]) -> NDArray[np.int64]:
    inner = np.searchsorted(BOUNDS_MS, bounds_ms, side="left") + 1
    return np.concatenate(([0], np.where(np.array(bounds_ms) <= 0, 0, inner)))


def middles_ms() -> Floats:
    """float64[CELLS]: a latency inside each cell, ms."""
    low = np.concatenate(([BOUNDS_MS[0] / 2], BOUNDS_MS))
    high = np.concatenate((BOUNDS_MS, [BOUNDS_MS[-1] * 2]))
    found: Floats = np.sqrt(low * high)
    return found
