"""Evidence from load: more arrives than a service can carry."""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.signal import RED_RATE
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Effect
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read


class Traffic:
    """Arrivals well beyond normal at a service that saturates: slower in itself or refusing.

    Arrivals are taken as a Poisson stream, so few calls a second need a larger rise. A rise of `surge` times the past
    counts; more arrivals at a service that carries them say nothing.
    """

    name = "traffic"

    def __init__(self, weight: float = 1.6, surge: float = 1.6) -> None:
        self._weight = weight
        self._surge = surge

    def gather(self, case: Case) -> Sequence[Evidence]:
        symptoms = read(case)
        found = (self._finding(symptoms, effect) for effect in effects(case).values())
        return [evidence for evidence in found if evidence is not None]

    def _finding(self, symptoms: Symptoms, effect: Effect) -> Evidence | None:
        rate = symptoms.find(effect.service, RED_RATE)
        if rate is None or effect.down or not (effect.slow_itself or effect.failing_itself):
            return None
        past, now, ratio, sigmas = _arrivals(symptoms, rate)
        if ratio < self._surge or sigmas < 3.0:
            return None
        sure = min(1.0, (ratio - 1.0) / 1.2, sigmas / 5.0)
        return Evidence(
            self.name,
            effect.service,
            f"{now:.1f} requests/s arrive at {effect.service} instead of {past:.1f} ({ratio:.1f} times), and it"
            f" takes {effect.own_ms:.0f} ms longer and fails {effect.own_errors:.0%} more",
            self._weight * sure,
            {FaultClass.TRAFFIC_SURGE: 1.5 + 3.5 * sure},
            {"past_per_s": past, "now_per_s": now, "ratio": ratio, "sigmas": sigmas},
        )


def _arrivals(symptoms: Symptoms, rate: SeriesDeviation) -> tuple[float, float, float, float]:
    """(past/s, now/s, their ratio, the difference in Poisson standard deviations)."""
    values = symptoms.values(rate)
    before, during = values[~symptoms.during], values[symptoms.during]
    during = during[1:] if len(during) > 3 else during
    if not np.isfinite(before).any() or not np.isfinite(during).any():
        return 0.0, 0.0, 0.0, 0.0
    past, now = float(np.nanmean(before)), float(np.nanmean(during))
    seconds = symptoms.slot_s * float(np.isfinite(during).sum())
    # Square roots of counts have the spread 1/2, whatever the rate (Anscombe).
    sigmas = 2.0 * (sqrt(now * seconds + 0.375) - sqrt(past * seconds + 0.375))
    return past, now, now / max(past, 0.2), sigmas
