"""What users feel, over the last seconds."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids
from akeso.worlds.answers import HARMLESS, Answer
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import CallColumns
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.response import Response
from akeso.worlds.truth import Hurt

OVER_S = 30
_SLOW = 3.0
_LATE_S = 60.0
# Nobody waits for a single step of a job; messages are judged by when they are done with.
_PATIENT, _PATIENT_MS = {ServiceKind.BATCH, ServiceKind.WORKER}, 60_000.0
_BAD = np.array([answer not in HARMLESS for answer in Answer])


@dataclass(frozen=True, slots=True, eq=False)
class _Second:
    service: Ids
    weight: Floats
    latency: Floats
    bad: Floats


class Users:
    """Callers of every service, as a window of their last calls. `promised_ms`: set once, of a calm world."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._of_link = layout.leg_service[layout.link_leg]
        self._seconds: deque[_Second] = deque(maxlen=OVER_S)
        self._promised: Floats = np.zeros(len(layout.services))

    def promise(self, response: Response) -> None:
        """Where a service states no objective, its users expect some three times the 95th percentile of a calm
        second."""
        layout = self._layout
        endpoint = layout.link_endpoint
        deviation = np.sqrt(response.ok_var[endpoint])
        slowest = response.ok_ms[endpoint] + 2 * deviation + 5
        promised = np.zeros(len(layout.services))
        np.maximum.at(promised, self._of_link, _SLOW * slowest)
        stated = np.array([_PATIENT_MS if s.kind in _PATIENT else s.latency_objective_ms for s in layout.services])
        self._promised = np.where(stated > 0, stated, np.maximum(promised, 20.0))

    def promised_ms(self, service: str) -> float:
        """The latency that 95 of 100 calls of a service keep below, by its objective."""
        return float(self._promised[self._layout.estate.row_of[service]])

    def step(self, calls: CallColumns) -> None:
        """A second more."""
        bad = _BAD[calls.seen]
        self._seconds.append(
            _Second(self._of_link[calls.link], calls.weight.astype(float), calls.latency_ms, bad.astype(float))
        )

    def hurt(self, service: str, backlog_s: float) -> Hurt:
        """Of one service. backlog_s: how late its work is, where it takes messages."""
        row = self._layout.estate.row_of[service]
        spec = self._layout.services[row]
        picked = [(s.weight[at], s.latency[at], s.bad[at]) for s in self._seconds for at in (s.service == row,)]
        weight, latency, bad = (np.concatenate(column) for column in zip(*picked, strict=True)) if picked else _NONE
        total = float(weight.sum())
        works = spec.kind is ServiceKind.WORKER
        return Hurt(
            service=service,
            calls=int(total),
            error_ratio=float((bad * weight).sum() / total) if total else 0.0,
            p95_ms=_quantile(latency, weight, _share(total)) if total else float("nan"),
            error_objective=spec.error_objective,
            latency_objective_ms=float(self._promised[row]),
            backlog_s=backlog_s,
            backlog_objective_s=_LATE_S if works else 0.0,
            over_s=float(OVER_S),
        )


_NONE = (np.zeros(0), np.zeros(0), np.zeros(0))


def _share(count: float) -> float:
    """95 %, or what leaves out the slowest two of few: one slow call is no slow service."""
    return min(0.95, max(1 - 2.5 / count, 0.0))


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    at = int(np.searchsorted(reached, share * reached[-1]))
    return float(values[order][min(at, len(values) - 1)])
