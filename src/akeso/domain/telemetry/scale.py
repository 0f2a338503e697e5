"""On which scale the normal values of a signal spread evenly, and how surprising a count is.

Durations spread by factors, so they are compared as logarithms; counts spread with the square root of their level
(Anscombe 1948), so they are compared as square roots; everything else is compared as it is.
"""

import numpy as np

from akeso.domain.telemetry.batches import Codes, Floats
from akeso.domain.telemetry.signal import Signal

_LINEAR, _LOGARITHM, _ROOT = 0, 1, 2
# A duration below this (ms) is as good as none: 0.2 ms instead of 0.1 ms is no news.
LOG_OFFSET = 1.0
ROOT_OFFSET = 0.375

LOGARITHMIC = (Signal.LATENCY, Signal.EDGE_LATENCY, Signal.SELF_TIME)
ROOTED = (Signal.TRAFFIC, Signal.LOG_VOLUME, Signal.LOG_ERRORS, Signal.NOVELTY, Signal.BACKLOG, Signal.LOCKS)

_KIND = np.zeros(256, np.uint8)
_KIND[list(LOGARITHMIC)], _KIND[list(ROOTED)] = _LOGARITHM, _ROOT

# The least spread that is believed, on the scale: absolute, and as a share of the level (linear signals only).
FLOOR = np.full(256, 1e-9)
FLOOR[[Signal.LATENCY, Signal.EDGE_LATENCY, Signal.SELF_TIME]] = 0.1
FLOOR[[Signal.TRAFFIC, Signal.LOG_VOLUME, Signal.LOG_ERRORS, Signal.NOVELTY]] = 1.0
FLOOR[[Signal.BACKLOG, Signal.LOCKS]] = 0.5
FLOOR[[Signal.ERRORS, Signal.EDGE_ERRORS]] = 0.01
FLOOR[Signal.CPU] = 0.02
FLOOR_SHARE = 0.05
IS_LINEAR = _KIND == _LINEAR


def scaled(values: Floats, signals: Codes) -> Floats:
    """float64[n] values on their signal's scale; NaN stays NaN."""
    out = np.array(values, np.float64)
    kind = _KIND[signals]
    logarithm, root = kind == _LOGARITHM, kind == _ROOT
    out[logarithm] = np.log(np.maximum(out[logarithm], 0.0) + LOG_OFFSET)
    out[root] = 2.0 * np.sqrt(np.maximum(out[root], 0.0) + ROOT_OFFSET)
    return out


def unscaled(positions: Floats, signals: Codes) -> Floats:
    """The inverse of `scaled`."""
    out = np.array(positions, np.float64)
    kind = _KIND[signals]
    logarithm, root = kind == _LOGARITHM, kind == _ROOT
    out[logarithm] = np.maximum(np.exp(out[logarithm]) - LOG_OFFSET, 0.0)
    out[root] = np.maximum((np.maximum(out[root], 0.0) / 2.0) ** 2 - ROOT_OFFSET, 0.0)
    return out


def believable(spread: Floats, center: Floats, signals: Codes) -> Floats:
    """A learnt spread (on the scale), raised to the least that is believed: no constant series is infinitely sure."""
    share = np.where(_KIND[signals] == _LINEAR, FLOOR_SHARE, 0.0)
    return np.asarray(np.fmax(spread, np.fmax(FLOOR[signals], share * np.abs(center))))


def normal_range(center: Floats, spread: Floats, signals: Codes) -> tuple[Floats, Floats]:
    """(expected, spread) in the unit of the series, from the same on the scale."""
    expected = unscaled(center, signals)
    return expected, unscaled(center + spread, signals) - expected


def caution(seen: Floats) -> Floats:
    """By how much a spread that was learnt from `seen` values has to be widened (the tail of Student's t, roughly)."""
    return 1.0 + 8.0 / np.maximum(seen, 1.0)


def surprise(count: Floats, expected: Floats) -> Floats:
    """How surprising it is to see at least `count` events where a Poisson process would bring `expected` (> 0).

    The Chernoff bound x·ln(x/λ) − x + λ on −ln P(X ≥ x): 9.2 means at most one in ten thousand. 0 where count ≤
    expected.
    """
    above = np.maximum(count, expected)
    return above * np.log(above / expected) - above + expected
