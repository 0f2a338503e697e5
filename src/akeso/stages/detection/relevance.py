"""What departure from normal matters in practice, by signal, and how often it has to be seen.

A departure can be significant and irrelevant: 11 ms instead of 10 ms on a quiet machine. And one slot is no trend.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from akeso.domain.telemetry.batches import Codes, Floats, Mask
from akeso.domain.telemetry.signal import Signal


@dataclass(frozen=True, slots=True)
class Relevance:
    """A value matters when it is at least `times` what is expected and at least `more` above it (in the unit of the
    series); where falls matter too, likewise downwards. It is decided when `hits` of the last `slots` deviate."""

    times: float
    more: float
    falls: bool = False
    hits: int = 2
    slots: int = 3


RELEVANCE: Mapping[Signal, Relevance] = MappingProxyType(
    {
        Signal.LATENCY: Relevance(1.4, 15.0, hits=3, slots=4),
        Signal.EDGE_LATENCY: Relevance(1.4, 15.0, hits=3, slots=4),
        Signal.SELF_TIME: Relevance(1.4, 10.0, hits=3, slots=4),
        Signal.ERRORS: Relevance(1.0, 0.05),
        Signal.EDGE_ERRORS: Relevance(1.0, 0.05),
        Signal.BACKLOG: Relevance(2.0, 8.0),
        Signal.LOCKS: Relevance(1.5, 2.0),
        Signal.MEMORY: Relevance(1.5, 0.0, hits=3, slots=4),
        Signal.SILENCE: Relevance(1.0, np.inf, hits=1, slots=1),  # statistics have no say, the detector of its own has
        Signal.DOWN: Relevance(1.0, np.inf, hits=1, slots=1),  # likewise
        Signal.LOG_SURPRISE: Relevance(1.0, np.inf, hits=1, slots=2),
        Signal.LOG_ERRORS: Relevance(3.0, 1.0),
        Signal.LOG_VOLUME: Relevance(10.0, 20.0, hits=3, slots=4),
        Signal.TRAFFIC: Relevance(1.5, 2.0, falls=True, hits=3, slots=4),
        Signal.CPU: Relevance(1.5, 0.1, hits=3, slots=4),
        Signal.SATURATION: Relevance(1.5, 0.1, hits=3, slots=4),
        Signal.NOVELTY: Relevance(1.0, 0.5, hits=1, slots=2),
        Signal.OTHER: Relevance(1.5, 0.0, falls=True, hits=4, slots=5),
    }
)


def _column(field: str) -> Floats:
    column = np.zeros(256)
    for signal, relevance in RELEVANCE.items():
        column[signal] = getattr(relevance, field)
    return column


_TIMES, _MORE, _FALLS = _column("times"), _column("more"), _column("falls") > 0
_HITS, _SLOTS = _column("hits").astype(np.uint8), _column("slots").astype(np.uint8)


def relevant(observed: Floats, expected: Floats, signals: Codes) -> Mask:
    """bool[n]: the departure matters; False where either value is missing."""
    times, more = _TIMES[signals], _MORE[signals]
    rise = (observed >= expected * times) & (observed - expected >= more) & (observed > expected)
    fall = (observed * times <= expected) & (expected - observed >= more) & (observed < expected)
    return np.asarray(rise | (fall & _FALLS[signals]))


def persistence(signals: Codes, part: Mask) -> tuple[Codes, Codes]:
    """(hits, slots) uint8[n] each. A series of only a part of a service is noisier and has to show one hit more."""
    return _HITS[signals] + part, _SLOTS[signals] + part
