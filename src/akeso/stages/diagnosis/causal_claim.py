"""What a diagnosis claims about cause and effect that can be tested: a trial over the slots of its case."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from akeso.causal.effect import NotEstimable, Trial
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import RED_RATE, Signal
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read

LEAST_ROWS = 20
_CAUSES = frozenset(
    {
        Signal.LATENCY, Signal.ERRORS, Signal.SATURATION, Signal.BACKLOG, Signal.LOCKS, Signal.MEMORY, Signal.SELF_TIME,
        Signal.CPU, Signal.LOG_VOLUME,
    }
)  # fmt: skip
_OF_CALLS = frozenset({Signal.EDGE_LATENCY, Signal.EDGE_ERRORS})
_EFFECTS = frozenset({Signal.LATENCY, Signal.ERRORS})


@dataclass(frozen=True, slots=True, eq=False)
class Claimed:
    """That what `cause` shows makes `effect` worse. trial: both over the slots of the case, with the request rates of
    both services as confounders, because load moves causes and effects alike; controlled: their names."""

    cause: SeriesKey
    effect: SeriesKey
    trial: Trial
    controlled: tuple[SeriesKey, ...]


def claim_of(case: Case, diagnosis: Diagnosis) -> Claimed | NotEstimable:
    """The claim of a diagnosis: its first service's clearest symptom against that of whoever complains and waits on it.

    NotEstimable where nobody else is hurt, or too few slots hold both.
    """
    if diagnosis.best is None:
        return NotEstimable("no cause is named")
    symptoms, service = read(case), diagnosis.best.service
    cause = _clearest(_of_cause(case, symptoms, service))
    if cause is None:
        return NotEstimable(f"no series shows what is wrong with {service}")
    effect = _clearest(_of_effect(case, symptoms, service, cause))
    if effect is None:
        return NotEstimable(f"nobody who waits on {service} is measured and hurt")
    rates = [r for s in dict.fromkeys((cause.key.service, effect.key.service)) if (r := symptoms.find(s, RED_RATE))]
    trial = Trial.of(case.features.values, cause.index, effect.index, [r.index for r in rates])
    if len(trial.outcome) < LEAST_ROWS:
        return NotEstimable(f"only {len(trial.outcome)} slots hold both; {LEAST_ROWS} are needed")
    return Claimed(cause.key, effect.key, _varying(trial), tuple(r.key for r in rates))


def _of_cause(case: Case, symptoms: Symptoms, service: str) -> Iterator[SeriesDeviation]:
    own = [d for d in symptoms.of(service) if d.signal in _CAUSES and not d.key.attributes]
    yield from own
    if not any(d.up for d in own):
        # It tells nothing of itself: what its callers see of it.
        for edge in case.topology.callers(service):
            yield from (d for d in symptoms.of(edge.caller) if _sees(d, service))


def _sees(deviation: SeriesDeviation, service: str) -> bool:
    return deviation.signal in _OF_CALLS and ("peer", service) in deviation.key.attributes


def _of_effect(case: Case, symptoms: Symptoms, service: str, cause: SeriesDeviation) -> Iterator[SeriesDeviation]:
    complaining = {a.service for a in case.anomalies if a.signal in _EFFECTS}
    waiting = case.topology.upstream(service) - {service}
    for hurt in sorted(waiting & complaining) or sorted(waiting):
        for deviation in symptoms.of(hurt):
            if deviation.signal in _EFFECTS and not deviation.key.attributes and deviation.index != cause.index:
                yield deviation


def _clearest(deviations: Iterator[SeriesDeviation]) -> SeriesDeviation | None:
    return max((d for d in deviations if d.up), key=lambda d: d.size, default=None)


def _varying(trial: Trial) -> Trial:
    """Without confounders that never change: they confound nothing, and no regression can hold them."""
    keep = np.ptp(trial.confounders, axis=0) > 0 if trial.confounders.size else np.zeros(0, bool)
    return Trial(trial.treatment, trial.outcome, trial.confounders[:, keep])
