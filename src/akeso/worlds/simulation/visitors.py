"""How many requests come in a second."""

from datetime import UTC, datetime
from math import pi

import numpy as np
from numpy.random import Generator

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.simulation.layout import Layout

_DAY_S = 86_400
_MEMORY = 0.9


class Visitors:
    """Demand of all sources that are not queues: by hour and weekday, with gusts."""

    def __init__(self, layout: Layout) -> None:
        traffic = [source.traffic for source in layout.sources]
        self._rate = np.array([t.rate if t else 0.0 for t in traffic])
        self._daily = np.array([t.daily if t else 0.0 for t in traffic])
        self._peak = np.array([t.peak_hour if t else 0.0 for t in traffic])
        self._weekend = np.array([t.weekend if t else 1.0 for t in traffic])
        self._burst = np.array([t.burst if t else 0.0 for t in traffic])
        self._gust = np.zeros(len(traffic))

    def expected(self, second: float) -> Floats:
        """Requests a second at a time (seconds since the epoch), one a source."""
        hour = second % _DAY_S / 3600
        wave = 1 + self._daily * np.cos((hour - self._peak) / 24 * 2 * pi)
        weekend = datetime.fromtimestamp(second, UTC).weekday() >= 5
        return np.asarray(self._rate * wave * (self._weekend if weekend else 1.0))

    def come(self, second: float, random: Generator) -> Floats:
        """The same with gusts, which last some seconds."""
        fresh = random.standard_normal(len(self._rate))
        self._gust = _MEMORY * self._gust + np.sqrt(1 - _MEMORY**2) * fresh
        return self.expected(second) * np.exp(self._burst * self._gust)
