"""Evidence from order: a cause departs before its effects do."""

from collections.abc import Iterator, Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.signal import Signal
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read

_TELLING = frozenset(
    {
        Signal.LATENCY,
        Signal.SELF_TIME,
        Signal.ERRORS,
        Signal.LOCKS,
        Signal.BACKLOG,
        Signal.MEMORY,
        Signal.CPU,
        Signal.LOG_VOLUME,
    }
)


class Onset:
    """Who departed first, by the first slot from which a series stays away from its past.

    Effects travel in milliseconds, far less than a slot, so the order says little and the weight is small. A series
    that is told once a minute may have departed a minute before it said so: a service is late only by what its cadence
    can tell.
    """

    name = "onset"

    def __init__(self, weight: float = 0.5, full_slots: float = 3.0) -> None:
        self._weight = weight
        self._full_slots = full_slots

    def gather(self, case: Case) -> Sequence[Evidence]:
        symptoms = read(case)
        first = {s: start for s in sorted(symptoms.services) if (start := _first(case, symptoms, s)) is not None}
        if len(first) < 2:
            return []
        surely = min(shown for shown, _ in first.values())
        full_s = self._full_slots * symptoms.slot_s
        return [
            self._finding(service, shown, max(0.0, perhaps - surely), full_s)
            for service, (shown, perhaps) in first.items()
        ]

    def _finding(self, service: str, start: float, late: float, full_s: float) -> Evidence:
        words = "first of all" if late == 0 else f"{late:.0f} s after the first"
        return Evidence(
            self.name,
            service,
            f"{service} departed {start:+.0f} s from the onset, {words}",
            self._weight * (1.0 - 2.0 * min(1.0, late / full_s)),
            numbers={"starts_s": start, "late_s": late},
        )


def _first(case: Case, symptoms: Symptoms, service: str) -> tuple[float, float] | None:
    """Seconds from the onset by which a departure showed, and from which it may have been there."""
    starts = [(d.starts_s, d.starts_s - d.unsure_s) for d in symptoms.of(service) if _departed(d)]
    starts.extend((heard, heard) for heard in _last_heard(case, symptoms, service))
    return (min(shown for shown, _ in starts), min(perhaps for _, perhaps in starts)) if starts else None


def _departed(deviation: SeriesDeviation) -> bool:
    return deviation.signal in _TELLING and deviation.up and deviation.starts_s == deviation.starts_s


def _last_heard(case: Case, symptoms: Symptoms, service: str) -> Iterator[float]:
    """Silence shows late but says itself when it began."""
    if silent := symptoms.silent_for(service):
        yield (case.now - case.onset) / NANOSECONDS - silent
