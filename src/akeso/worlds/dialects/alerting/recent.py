"""Rates and latencies of the last minutes, as rules ask for them."""

import numpy as np

from akeso.domain.telemetry.batches import Floats, Times
from akeso.worlds.answers import Answer, http_status
from akeso.worlds.dialects.tally.grid import BOUNDS_MS, CELLS, cell_of
from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.observation import Observation

_BLAMED = np.array([http_status(answer) >= 500 for answer in Answer], np.bool_)


class Recent:
    """Calls that each service served over the last `span` evaluations. total, errors: int64[services]."""

    def __init__(self, tally: Tally, span: int) -> None:
        self._tally, self._span = tally, span
        self._slots: list[tuple[Times, Times, Times]] = []

    @property
    def total(self) -> Times:
        """Of all calls."""
        return self._summed(0)

    @property
    def errors(self) -> Times:
        """Of those that the service itself failed (status 5xx)."""
        return self._summed(1)

    def quantile_ms(self, share: float) -> Floats:
        """float64[services]: a quantile of their durations, ms; NaN without calls."""
        cells = self._summed(2).cumsum(axis=1)
        total = cells[:, -1]
        place = (cells < np.ceil(total * share)[:, None]).sum(axis=1)
        upper = np.append(BOUNDS_MS, BOUNDS_MS[-1])
        found: Floats = np.where(total > 0, upper[np.minimum(place, CELLS - 1)], np.nan)
        return found

    def take(self, observation: Observation) -> None:
        """Add a tick to the present evaluation."""
        if not self._slots:
            self.turn()
        calls, census = observation.calls, observation.census
        came = calls.served != Answer.NEVER_ARRIVED
        service = self._tally.service_of[census.link_callee[calls.link[came]]]
        weight, total = calls.weight[came], self._slots[-1]
        np.add.at(total[0], service, weight)
        np.add.at(total[1], service, weight * _BLAMED[calls.served[came]])
        np.add.at(total[2], (service, cell_of(calls.server_ms[came])), weight)

    def turn(self) -> None:
        """Begin the next evaluation."""
        count = len(self._tally.census.services)
        fresh = (np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros((count, CELLS), np.int64))
        self._slots = [*self._slots[-self._span + 1 :], fresh]

    def _summed(self, which: int) -> Times:
        found: Times = np.sum([slot[which] for slot in self._slots], axis=0)
        return found
