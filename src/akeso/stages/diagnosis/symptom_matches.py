"""Which symptoms of the bridging knowledge a case shows, where, and since when."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from akeso.domain.estate.knowledge import Knowledge, MetricCue, Moves, Symptom
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry.batches import NANOSECONDS, Mask, SeriesKey
from akeso.stages.diagnosis.symptoms import DEVIATING, SeriesDeviation, Symptoms, read

_DERIVED = "akeso."
_SWELLS = 3.0  # times as often as before is no accident
_SHOWN = 160
_ENOUGH = 5  # values, to know what is usual
_NORMAL = 1.4826  # MAD of a normal distribution to its standard deviation
_EARLY = 3 * NANOSECONDS  # an onset is known no better
_BEGUN = 0.3  # of the whole change
_RELATIVE = 0.2  # what changes by less is of no practical meaning


@dataclass(frozen=True, slots=True)
class SymptomMatch:
    """A symptom that is seen. starts_s: seconds from the case's onset, NaN unknown; size: how clearly, to compare two
    sightings of one symptom."""

    symptom: Symptom
    service: str
    statement: str
    starts_s: float
    size: float


def matches(case: Case, knowledge: Knowledge) -> tuple[SymptomMatch, ...]:
    """Every symptom that is seen, once a service: by what shows it most clearly. Sorted by symptom and service."""
    best: dict[tuple[str, str], SymptomMatch] = {}
    for found in (*_of_metrics(case, knowledge), *_of_signals(case, knowledge), *_of_logs(case, knowledge)):
        place = (found.symptom.name, found.service)
        if place not in best or found.size > best[place].size:
            best[place] = found
    return tuple(best[place] for place in sorted(best))


def _of_metrics(case: Case, knowledge: Knowledge) -> Iterator[SymptomMatch]:
    cues = [(symptom, cue) for symptom in knowledge.symptoms.values() for cue in symptom.metrics]
    symptoms = read(case)
    # Services share the names of their metrics, and most names match nothing.
    named: dict[str, list[tuple[Symptom, MetricCue]]] = {}
    for service in sorted(symptoms.services):
        for deviation in symptoms.of(service):
            name = deviation.key.metric
            if name.startswith(_DERIVED):
                continue
            whole = _whole(deviation.key)
            if whole not in named:
                named[whole] = [(s, cue) for s, cue in cues if cue.name.search(name) or cue.name.search(whole)]
            for symptom, cue in named[whole]:
                if (starts_s := _moved(symptoms, deviation, cue)) is not None:
                    yield _match(symptom, deviation, starts_s)


def _whole(key: SeriesKey) -> str:
    return " ".join((key.metric, *(f"{name}={value}" for name, value in key.attributes)))


def _moved(symptoms: Symptoms, deviation: SeriesDeviation, cue: MetricCue) -> float | None:
    """Seconds from the onset to where the series began to show the symptom, NaN unknown; None when it does not."""
    if cue.above is not None or cue.below is not None:
        high = cue.above is not None and deviation.last > cue.above and not deviation.past > cue.above
        low = cue.below is not None and deviation.last < cue.below and not deviation.past < cue.below
        return deviation.starts_s if high or low else None
    if cue.moves is not Moves.ANY and (deviation.rise > 0) != (cue.moves is Moves.UP):
        return None
    return _unusual(symptoms, deviation, cue.by)


def _unusual(symptoms: Symptoms, deviation: SeriesDeviation, by: float | None) -> float | None:
    """The same for a level beyond all that the past held, and by enough. Not `Departure.size`: its floors are those of
    golden signals, which the names of machines' metrics suggest by chance (memory pressure is no number of bytes)."""
    values = symptoms.values(deviation)
    past = values[~symptoms.during]
    past = past[np.isfinite(past)]
    if len(past) < _ENOUGH or float(past.min()) <= deviation.level <= float(past.max()):
        return None
    spread = _NORMAL * float(np.median(np.abs(past - deviation.past)))
    enough = max(DEVIATING * spread, _RELATIVE * abs(deviation.past)) if by is None else by
    if abs(deviation.rise) < enough:
        return None
    begun = (values - deviation.past) / deviation.rise >= _BEGUN
    begun &= symptoms.matrix.times > symptoms.onset - _EARLY
    times = symptoms.matrix.times[begun]
    return float(times[0] - symptoms.onset) / NANOSECONDS if len(times) else float("nan")


def _match(symptom: Symptom, deviation: SeriesDeviation, starts_s: float) -> SymptomMatch:
    key = deviation.key
    unit = key.unit.removeprefix("1")
    before = f"went from {deviation.past:.3g} to" if np.isfinite(deviation.past) else "is"
    now = deviation.level if np.isfinite(deviation.level) else deviation.last
    said = f"{_whole(key)} of {key.service} {before} {now:.3g} {unit}".rstrip()
    return SymptomMatch(symptom, key.service, said, starts_s, abs(deviation.size))


def _of_signals(case: Case, knowledge: Knowledge) -> Iterator[SymptomMatch]:
    wanted = [symptom for symptom in knowledge.symptoms.values() if symptom.signals]
    symptoms = read(case)
    for service in sorted(symptoms.services):
        risen = [d for d in symptoms.of(service) if d.up and not _of_one_operation(d)]
        for symptom in wanted:
            shown = [d for d in risen if d.signal in symptom.signals]
            if shown:
                clearest = max(shown, key=lambda d: d.size)
                yield _match(symptom, clearest, clearest.starts_s)


def _of_one_operation(deviation: SeriesDeviation) -> bool:
    return any(name == "operation" for name, _ in deviation.key.attributes)


def _of_logs(case: Case, knowledge: Knowledge) -> Iterator[SymptomMatch]:
    telling = [symptom for symptom in knowledge.symptoms.values() if symptom.logs]
    during: Mask = case.features.times > case.onset
    for pattern in case.logs:
        if not _swells(pattern, during):
            continue
        for symptom in telling:
            if any(words.search(pattern.example) for words in symptom.logs):
                yield _said(case, symptom, pattern, during)


def _swells(pattern: LogPattern, during: Mask) -> bool:
    if len(pattern.counts) != len(during) or not during.any():
        return False
    now = float(np.nanmean(pattern.counts[during]))
    past = float(np.nanmean(pattern.counts[~during])) if not during.all() else 0.0
    return now > 0 and now >= _SWELLS * past


def _said(case: Case, symptom: Symptom, pattern: LogPattern, during: Mask) -> SymptomMatch:
    heard = case.features.times[during & (pattern.counts > 0)]
    line = pattern.example if len(pattern.example) <= _SHOWN else f"{pattern.example[: _SHOWN - 1]}…"
    starts = float(heard[0] - case.onset) / NANOSECONDS
    return SymptomMatch(symptom, pattern.service, f"{pattern.service} says “{line}”", starts, float(len(heard)))
