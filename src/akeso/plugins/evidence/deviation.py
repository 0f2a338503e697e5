"""Evidence from size: how far a service's own symptoms left its own past."""

from collections.abc import Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.signal import Signal
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.network_latency import network_delays
from akeso.stages.diagnosis.calls.per_operation_latency import borne_out
from akeso.stages.diagnosis.paths import strayed
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read, telling

# What each symptom says about its own service: much for what cannot be inherited, little for what can.
_WEIGHTS = {
    Signal.SELF_TIME: 1.2,
    Signal.ERRORS: 0.5,
    Signal.LATENCY: 0.4,
    Signal.LOG_ERRORS: 0.3,
    Signal.CPU: 0.3,
    Signal.MEMORY: 0.3,
}
_CLASSES = {
    Signal.SELF_TIME: FaultClass.LATENCY_DEGRADATION,
    Signal.LATENCY: FaultClass.LATENCY_DEGRADATION,
    Signal.ERRORS: FaultClass.ERROR_BURST,
}
_PRACTICAL = {Signal.ERRORS: 0.04, Signal.LATENCY: 8.0, Signal.SELF_TIME: 8.0, Signal.CPU: 0.2, Signal.MEMORY: 8e6}


class Deviation:
    """The strongest own symptom speaks for a service; none at all speaks against it.

    Robust: median and MAD of the past with floors of practical relevance; `full` spreads give the whole weight.
    """

    name = "deviation"

    def __init__(self, full: float = 10.0, calm: float = 1.6) -> None:
        self._full = full
        self._calm = calm

    def gather(self, case: Case) -> Sequence[Evidence]:
        symptoms = read(case)
        found = (self._finding(case, symptoms, service) for service in sorted(symptoms.services))
        return [evidence for evidence in found if evidence is not None]

    def _finding(self, case: Case, symptoms: Symptoms, service: str) -> Evidence | None:
        effect = effects(case)[service]
        if effect.down:
            return None
        worst = max(filter(_matters, symptoms.of(service)), key=self._weight, default=None)
        if worst is not None:
            timed = worst.signal in {Signal.LATENCY, Signal.SELF_TIME}
            like = borne_out(case, service, worst.rise) if timed else 1.0
            return self._departed(service, worst, like * telling(effect.requests) if worst.signal in _CLASSES else 1.0)
        # A service that does nothing any more has no slow or failing requests either.
        if effect.idle or effect.slow_itself or effect.failing_itself or service in _odd(case):
            return None
        return self._well(symptoms, service)

    def _weight(self, deviation: SeriesDeviation) -> float:
        return _WEIGHTS[deviation.signal] * min(1.0, deviation.size / self._full)

    def _departed(self, service: str, worst: SeriesDeviation, sure: float) -> Evidence:
        kind = _CLASSES.get(worst.signal)
        unit = worst.key.unit.removeprefix("1")
        return Evidence(
            self.name,
            service,
            f"{worst.key.metric} of {service} went from {worst.past:.3g} to {worst.level:.3g} {unit}".rstrip()
            + f" ({worst.size:.0f} spreads)",
            self._weight(worst) * sure,
            {kind: 0.4 * sure} if kind else {},
            {"past": worst.past, "level": worst.level, "spreads": worst.size},
        )

    def _well(self, symptoms: Symptoms, service: str) -> Evidence | None:
        watched = [d for d in symptoms.of(service) if d.signal in _WEIGHTS and d.level == d.level and d.past == d.past]
        if not watched:
            return None
        furthest = max(d.size for d in watched)
        return Evidence(
            self.name,
            service,
            f"nothing {service} tells of itself left its past ({len(watched)} series, at most {furthest:.1f} spreads)",
            -self._calm,
            numbers={"series": float(len(watched)), "spreads": furthest},
        )


def _odd(case: Case) -> frozenset[str]:
    """Services that do something else than before, that a slow network keeps apart, or at which calls no longer arrive
    of which they would tell: measurements need not tell."""
    slow = {gap.callee for gap in network_delays(case) if gap.wide}
    return strayed(case) | slow | {service for service, effect in effects(case).items() if effect.unreached}


def _matters(deviation: SeriesDeviation) -> bool:
    """Up, by enough for anybody to care, and of the whole service (one operation alone has few samples)."""
    whole = not any(name == "operation" for name, _ in deviation.key.attributes)
    least = _PRACTICAL.get(deviation.signal, 0.0)
    # The spread of an error share already minds how many requests were counted.
    scale = min(1.0, deviation.spread / 0.02) if deviation.signal is Signal.ERRORS else 1.0
    return whole and deviation.signal in _WEIGHTS and deviation.up and deviation.rise >= least * scale
