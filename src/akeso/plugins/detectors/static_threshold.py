"""Limits that somebody stated."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import FeatureFrame, Floats, Mask, SeriesKey
from akeso.domain.telemetry.positions import Opinions
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN
from akeso.ports.detector import Scores, State

# The metric names of the simple event and what the limit on them is called.
_SIMPLE: Mapping[str, str] = MappingProxyType({"latency": "latency_ms", "error_rate": "error_ratio"})


class StaticThreshold:
    """Value over limit: latency in ms and error ratio of simple events, and of services that have an objective.

    A limit that fits everybody does not exist: 150 ms is slow for one service and fast for another. So the limits hold
    for series that a component reports about itself in simple events, and a service's stated objective holds for the
    mean latency and error ratio that Akeso derives from its spans. table: the feature series; without it nothing is
    judged, since limits belong to names.
    """

    name = "static_threshold"
    votes = Vote.RULE

    def __init__(
        self,
        latency_ms: float = 150.0,
        error_ratio: float = 0.05,
        services: Services | None = None,
        table: SeriesTable | None = None,
    ) -> None:
        self._limits = {"latency_ms": latency_ms, "error_ratio": error_ratio}
        self._services = services or Services()
        self._table = SeriesTable() if table is None else table
        self._looked_at = 0
        self._limited_rows: list[int] = []
        self._known: list[float] = []

    def score(self, frame: FeatureFrame) -> Scores:
        opinions = Opinions(len(frame.values))
        rows, limit = self._limited(len(frame.values))
        score = np.nan_to_num(frame.values[rows] / np.maximum(limit, 1e-9))
        opinions.score[rows], opinions.center[rows] = np.maximum(score, 0.0), limit
        return Scores(opinions.score, opinions.center, opinions.width)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        """Nothing: a stated limit does not move."""

    def snapshot(self) -> State:
        """Empty: a limit follows from the name of its series."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing was kept."""

    def _limited(self, series: int) -> tuple[NDArray[np.intp], Floats]:
        """The rows that have a limit, and the limits."""
        for row in range(self._looked_at, min(series, len(self._table))):
            limit = self._limit(self._table[row])
            if np.isfinite(limit):
                self._limited_rows.append(row)
                self._known.append(limit)
        self._looked_at = max(self._looked_at, min(series, len(self._table)))
        return np.array(self._limited_rows, np.intp), np.array(self._known, np.float64)

    def _limit(self, key: SeriesKey) -> float:
        spec = self._services[key.service]
        stated = {"latency_ms": spec.latency_slo_ms, "error_ratio": spec.error_slo}
        if key.metric in _SIMPLE and not key.stat:
            objective = stated[_SIMPLE[key.metric]]
            return self._limits[_SIMPLE[key.metric]] if objective is None else objective
        derived = {RED_MEAN: "latency_ms", RED_ERRORS: "error_ratio"}.get(key.metric, "")
        objective = stated.get(derived) if not key.attributes else None
        return np.nan if objective is None else objective
