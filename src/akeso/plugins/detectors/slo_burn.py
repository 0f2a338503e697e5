"""Objectives that are being missed: the error budget of a service burns too fast."""

import numpy as np

from akeso.domain.detection.vote import Vote
from akeso.domain.estate.objective import Burn, ErrorBudget, Objective
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, Ids, Mask, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_RATE
from akeso.ports.detector import Scores, State
from akeso.stages.detection.burn_rate import BurnOptions, BurnWindows, Served


class SloBurn:
    """Availability and latency objectives of services.yaml against what their spans tell, by burn rate.

    It speaks on a service's own error ratio and mean latency. What was counted is no part of the detection model: a
    version that is rolled back must not forget what was used up. So it is not in a snapshot, and a restart begins with
    the replayed hot window. scale: multiplies all windows (see akeso.stages.detection.burn_rate).
    """

    name = "slo_burn"
    votes = Vote.OBJECTIVE

    def __init__(self, scale: float = 1.0, services: Services | None = None, table: SeriesTable | None = None) -> None:
        self._services = services or Services()
        self._table = SeriesTable() if table is None else table
        self._windows = BurnWindows(BurnOptions(scale=scale))
        self._objectives: list[Objective] = []
        self._value: Ids = np.zeros(0, np.int32)
        self._calls: Ids = np.zeros(0, np.int32)
        self._known = 0
        self._end = 0

    @property
    def scale(self) -> float:
        """What the windows are multiplied by."""
        return self._windows.options.scale

    def score(self, frame: FeatureFrame) -> Scores:
        self._find(len(frame.values))
        score, expected = np.zeros(len(frame.values)), np.full(len(frame.values), np.nan)
        nothing = np.full(len(frame.values), np.nan)
        rows = self._value
        if len(rows):
            burning = self._windows.score(self._allowed(), frame.end, self._served(frame))
            score[rows] = np.where(np.isfinite(frame.values[rows]), burning, 0.0)
            expected[rows] = [o.limit if o.kind == "latency" else o.allowed for o in self._objectives]
        return Scores(score, expected, nothing)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        """Every slot counts, most of all those that are not normal."""
        del update
        self._find(len(frame.values))
        if frame.end > self._end:
            self._windows.take(frame.end, self._served(frame))
            self._end = frame.end

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """Nothing was kept."""

    def budgets(self, tenant: str) -> tuple[ErrorBudget, ...]:
        """How the objectives of a tenant stand, by service."""
        if not self._objectives:
            return ()
        windows, allowed = self._windows, self._allowed()
        none = Served(np.zeros(len(windows)), np.zeros(len(windows)))
        rules = windows.options.rules
        burns = [
            (r, windows.burn(r.long, allowed, self._end, none), windows.burn(r.short, allowed, self._end, none))
            for r in rules
        ]
        used = windows.burn(windows.longest, allowed, self._end, none)
        score = windows.score(allowed, self._end, none)
        found = [
            ErrorBudget(
                objective,
                tuple(Burn(rule, float(long[n]), float(short[n])) for rule, long, short in burns),
                1.0 - float(used[n]),
                float(score[n]),
            )
            for n, objective in enumerate(self._objectives)
            if objective.tenant == tenant
        ]
        return tuple(sorted(found, key=lambda budget: (budget.objective.service, budget.objective.kind)))

    def _allowed(self) -> Floats:
        return np.array([objective.allowed for objective in self._objectives])

    def _served(self, frame: FeatureFrame) -> Served:
        value = frame.values[self._value]
        total = np.nan_to_num(frame.values[self._calls]) * (frame.width / NANOSECONDS)
        total = np.where(np.isfinite(value), total, 0.0)
        slow = np.array([objective.kind == "latency" for objective in self._objectives], bool)
        limit = np.array([objective.limit for objective in self._objectives])
        share = np.where(slow, np.nan_to_num(value) > limit, np.nan_to_num(value))
        return Served(share * total, total)

    def _find(self, rows: int) -> None:
        # An objective counts calls, so it begins once the series that counts them is known.
        rows = min(rows, len(self._table))
        for row in range(self._known, rows):
            key = self._table[row]
            if key.metric in {RED_RATE, RED_ERRORS, RED_MEAN} and not key.attributes:
                self._begin(key, rows)
        self._known = max(self._known, rows)
        self._windows.grow(len(self._objectives))

    def _begin(self, key: SeriesKey, rows: int) -> None:
        spec = self._services[key.service]
        stated = {"availability": (RED_ERRORS, spec.error_slo, 0.0)}
        if spec.latency_slo_ms is not None:
            stated["latency"] = (RED_MEAN, spec.slow_slo, spec.latency_slo_ms)
        calls = self._table.find(SeriesKey(key.tenant, key.service, RED_RATE, (), "1/s"))
        begun = {(o.tenant, o.service, o.kind) for o in self._objectives}
        for kind, (metric, allowed, limit) in stated.items():
            unit = "ms" if kind == "latency" else "1"
            value = self._table.find(SeriesKey(key.tenant, key.service, metric, (), unit))
            if allowed is None or value is None or calls is None or max(value, calls) >= rows:
                continue
            if (key.tenant, key.service, kind) not in begun:
                self._objectives.append(Objective(key.tenant, key.service, kind, allowed, limit))
                self._value = np.append(self._value, np.int32(value))
                self._calls = np.append(self._calls, np.int32(calls))
