"""Verify: did it help? Recovered, not recovered, or unknown.

Three-way on purpose: what cannot be seen is unknown and never success. The improvement is compared with services that
were not touched (difference in differences, Card and Krueger 1994): what got better everywhere got better by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TypeAlias

import numpy as np

from akeso.domain.incident.events import Watch
from akeso.domain.incident.outcome import Recovery, Verification
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, Mask
from akeso.domain.telemetry.cadence import newest, slot_width
from akeso.domain.telemetry.signal import EDGE_RATE, RED_ERRORS, RED_MEAN, RED_RATE, SILENCE, Signal
from akeso.domain.telemetry.times import duration_ns
from akeso.stages.healing.watches import Identity, columns_of, identity_of, is_symptom, signal

_SLOW = frozenset({Signal.LATENCY, Signal.EDGE_LATENCY, Signal.SELF_TIME})
_FAILING = frozenset({Signal.ERRORS, Signal.EDGE_ERRORS})
_SILENT_INTERVALS = 2.5
_STALE_AFTER = 3  # intervals
_LONG_ENOUGH = 30  # slots for which all has been well, beyond which nobody asks
_SAME = 0.5  # of the improvement, seen on untouched services, and it may have come by itself
_NOTED = 0.2  # an improvement smaller than that is none


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """When a healing has worked.

    slots: consecutive slots in which every watched symptom must be normal.
    values: values in a row that must be normal instead of a series that is told more rarely than every slot.
    span: slots among which a series with few calls must have these; a series without a value in them, or for three of
        its own intervals, has vanished.
    missed: errors that the fault would have caused meanwhile if it were still there; with 5, chance is as good as ruled
        out.
    at_most: slots after which fewer missed errors are enough.
    """

    slots: int = 3
    values: int = 2
    span: int = 6
    missed: float = 5.0
    at_most: int = 10


@dataclass(frozen=True, slots=True, eq=False)
class Aftermath:
    """What happened around an effect. matrix: slots from before the onset until now; onset, applied, deadline, now:
    ns; untouched: services that neither had symptoms nor were acted on; alerts_clear: whether every alert was called
    off (None: there was none)."""

    matrix: FeatureMatrix
    onset: int
    applied: int
    deadline: int
    now: int
    untouched: frozenset[str] = field(default_factory=frozenset)
    alerts_clear: bool | None = None


class Reading(Enum):
    """What one watch says."""

    NORMAL = "normal"
    BEYOND = "beyond"
    VANISHED = "vanished"
    EARLY = "early"


@dataclass(frozen=True, slots=True)
class Seen:
    """One watch read. value: its level now, NaN when there is none."""

    watch: Watch
    reading: Reading
    value: float


Readings: TypeAlias = dict[Identity, Seen]


def verify(watches: Sequence[Watch], after: Aftermath, options: VerifyOptions | None = None) -> Verification | None:
    """How it ended; None while that is open: not all symptoms are normal yet and the deadline is ahead."""
    options = options or VerifyOptions()
    matrix, late = _only(after.matrix, {w.service for w in watches}), after.now >= after.deadline
    width = slot_width(matrix)
    since = matrix.times >= after.applied + width  # slots that lie wholly after the effect
    seen = read(watches, matrix, since, options)
    judged = list(_judged(seen.values(), matrix, options))
    if _well(judged, after) and (late or convincing(judged, matrix, since, options)):
        return _recovered(judged, after, options)
    if not late:
        return None
    return _failed(judged, after)


def quiet_for(
    watches: Sequence[Watch], matrix: FeatureMatrix, options: VerifyOptions | None = None, at_most: int = _LONG_ENOUGH
) -> timedelta:
    """For how long, up to now, every symptom has been normal; 0 when one is not, vanished or none is watched.

    at_most: slots that are looked at. No more than one slot while the calls were too few to tell whether errors have
    really ceased.
    """
    options = options or VerifyOptions()
    if not any(map(is_symptom, watches)) or not len(matrix.times):
        return timedelta(0)
    matrix = _only(matrix, {w.service for w in watches})
    count, now = 0, np.ones(len(matrix.times), np.bool_)
    oldest = max(options.slots, len(matrix.times) - at_most)
    for upto in range(len(matrix.times), oldest - 1, -1):
        seen = read(watches, matrix, now & (np.arange(len(now)) < upto), options)
        judged = list(_judged(seen.values(), matrix, options))
        if any(s.reading is not Reading.NORMAL for s in judged):
            break
        if not count and not convincing(judged, matrix, now, options):
            return timedelta(microseconds=slot_width(matrix) / 1_000)
        count += 1
    return timedelta(microseconds=count * slot_width(matrix) / 1_000)


def _only(matrix: FeatureMatrix, services: set[str]) -> FeatureMatrix:
    # A thousand other series would be gone through again for every slot.
    columns = [c for c, key in enumerate(matrix.keys) if key.service in services]
    keys = tuple(matrix.keys[c] for c in columns)
    return FeatureMatrix(keys, matrix.signals[columns], matrix.times, matrix.values[:, columns])


def convincing(judged: Iterable[Seen], matrix: FeatureMatrix, among: Mask, options: VerifyOptions) -> bool:
    """Whether there were enough calls since the last error for the fault to have shown, if it still were there.

    Three slots without an error say little where one call in three fails and two calls are made a second.
    """
    columns, width_s = columns_of(matrix), slot_width(matrix) / NANOSECONDS
    errors = [s.watch for s in judged if signal(s.watch) in _FAILING and is_symptom(s.watch)]
    known = [(w, columns[identity_of(w)], columns.get(_rate_of(w))) for w in errors if identity_of(w) in columns]
    pairs = [(w, error, rate) for w, error, rate in known if rate is not None]
    if not pairs:
        return True
    values = matrix.values[among]
    beyond = np.any([values[:, error] > w.bound for w, error, _ in pairs], axis=0)
    clean = values[np.flatnonzero(beyond)[-1] + 1 :] if beyond.any() else values
    missed = max(w.at_fault * float(np.nansum(clean[:, rate])) * width_s for w, _, rate in pairs)
    return missed >= options.missed or len(clean) >= options.at_most


def _rate_of(watch: Watch) -> Identity:
    metric = RED_RATE if watch.metric == RED_ERRORS else EDGE_RATE
    return watch.service, metric, watch.attributes, watch.stat


def read(watches: Iterable[Watch], matrix: FeatureMatrix, among: Mask, options: VerifyOptions) -> Readings:
    """Every watch over the last of the slots `among` (bool[t])."""
    columns = columns_of(matrix)
    slots = matrix.values[among][-options.span :]
    enough = int(np.count_nonzero(among)) >= options.slots
    found: Readings = {}
    for watch in watches:
        column, width = columns.get(identity_of(watch)), slot_width(matrix)
        if round(watch.every / timedelta(microseconds=width / 1_000)) > 1:
            found[identity_of(watch)] = _read_slow(watch, matrix, among, column, options)
        else:
            found[identity_of(watch)] = _read(watch, _column(slots, column), enough, options)
    return found


def _read_slow(watch: Watch, matrix: FeatureMatrix, among: Mask, column: int | None, options: VerifyOptions) -> Seen:
    """A series that is told more rarely than every slot: a value counts if all that it sums up lies among the slots,
    and holds until the next is due."""
    times, every = matrix.times[among], duration_ns(watch.every)
    if column is None or not len(times):
        return Seen(watch, Reading.VANISHED, float("nan"))
    whole = times >= times[0] + every - slot_width(matrix)
    told = times[whole & np.isfinite(matrix.values[among, column])]
    values = newest(matrix.values[among, column][whole], options.values)
    if times[-1] - (told[-1] if len(told) else times[0]) > _STALE_AFTER * every:
        return Seen(watch, Reading.VANISHED, float("nan"))
    if len(values) < options.values:
        return Seen(watch, Reading.EARLY, float(values[-1]) if len(values) else float("nan"))
    return Seen(watch, Reading.NORMAL if (values <= watch.bound).all() else Reading.BEYOND, float(values[-1]))


def takes(watches: Iterable[Watch], options: VerifyOptions | None = None) -> timedelta:
    """How long after an effect it takes until every watch can have been read."""
    options = options or VerifyOptions()
    return (options.values + 2) * max((watch.every for watch in watches), default=timedelta(0))


def _column(slots: Floats, column: int | None) -> Floats:
    values = slots[:, column] if column is not None else np.empty(0)
    return values[np.isfinite(values)]


def _read(watch: Watch, values: Floats, enough: bool, options: VerifyOptions) -> Seen:
    level = float(np.median(values[-options.slots :])) if len(values) else float("nan")
    if not enough:
        return Seen(watch, Reading.EARLY, level)
    if not len(values):
        return Seen(watch, Reading.VANISHED, level)
    # Durations of few calls are ragged: their median counts. Of all else the newest value has to be normal as well.
    settled = signal(watch) in _SLOW or values[-1] <= watch.bound
    return Seen(watch, Reading.NORMAL if level <= watch.bound and settled else Reading.BEYOND, level)


def _judged(seen: Iterable[Seen], matrix: FeatureMatrix, options: VerifyOptions) -> Iterator[Seen]:
    """Symptoms as they are, vanished ones by their service's requests; of the rest only errors that came anew."""
    everything = list(seen)
    symptoms = any(is_symptom(s.watch) for s in everything)
    for one in everything:
        if not symptoms:
            yield one
        elif is_symptom(one.watch):
            yield _replaced(one, everything, matrix, options) if one.reading is Reading.VANISHED else one
        elif one.watch.metric == RED_ERRORS and one.reading is Reading.BEYOND:
            yield one


def _replaced(gone: Seen, everything: Sequence[Seen], matrix: FeatureMatrix, options: VerifyOptions) -> Seen:
    service = gone.watch.service
    requests = [
        s
        for s in everything
        if s.watch.service == service and s.watch.metric in {RED_ERRORS, RED_MEAN} and s is not gone
    ]
    told = [s for s in requests if s.reading in {Reading.NORMAL, Reading.BEYOND}]
    usual = max(s.watch.every for s in everything if s.watch.service == service)
    if any(s.reading is Reading.BEYOND for s in told) or still_silent(service, matrix, options, usual):
        return Seen(gone.watch, Reading.BEYOND, gone.value)
    return Seen(gone.watch, Reading.NORMAL, gone.value) if told else gone


def still_silent(service: str, matrix: FeatureMatrix, options: VerifyOptions, every: timedelta) -> bool:
    """Whether nothing is heard of a service and its silence grows. every: as it tells its series."""
    column = columns_of(matrix).get((service, SILENCE, (), ""))
    silence = _column(matrix.values[-options.span :], column)
    least = _SILENT_INTERVALS * every.total_seconds()
    return len(silence) > 1 and silence[-1] > least and silence[-1] > silence[0]


def _well(judged: Sequence[Seen], after: Aftermath) -> bool:
    if not judged:
        return after.alerts_clear is True
    if any(s.reading is not Reading.NORMAL for s in judged):
        return False
    # An alert without any symptom of our own: that our numbers are normal, as they were, says nothing about it.
    return any(is_symptom(s.watch) for s in judged) or after.alerts_clear is not False


def _recovered(judged: Sequence[Seen], after: Aftermath, options: VerifyOptions) -> Verification:
    comparison = compare([s.watch for s in judged if is_symptom(s.watch)], after, options)
    numbers = {"watches": float(len(judged)), "slots": float(options.slots), **comparison.numbers}
    said = f"all {len(judged)} watched signals are normal again" if judged else "every alert was called off"
    if worst := max(judged, key=lambda s: s.watch.at_fault - s.watch.bound, default=None):
        said += f" (for example {_change(worst)})"
    return Verification(Recovery.RECOVERED, f"{said}{comparison.statement}", numbers)


def _failed(judged: Sequence[Seen], after: Aftermath) -> Verification:
    beyond = [s for s in judged if s.reading is Reading.BEYOND]
    numbers = {"watches": float(len(judged)), "beyond": float(len(beyond))}
    if beyond:
        named = "; ".join(map(_change, beyond[:3]))
        said = f"{len(beyond)} of {len(judged)} watched signals are still not normal: {named}"
        return Verification(Recovery.NOT_RECOVERED, said, numbers)
    unseen = [s for s in judged if s.reading is not Reading.NORMAL]
    if unseen:
        named = ", ".join(sorted({f"{s.watch.service} {s.watch.metric}" for s in unseen})[:3])
        return Verification(Recovery.UNKNOWN, f"no data came of {named}", {**numbers, "unseen": float(len(unseen))})
    why = "the alert still fires" if after.alerts_clear is False else "there was nothing to watch"
    return Verification(Recovery.UNKNOWN, why, numbers)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Symptoms against the same signals of untouched services."""

    statement: str
    numbers: dict[str, float]


def compare(symptoms: Sequence[Watch], after: Aftermath, options: VerifyOptions) -> Comparison:
    """By how much the symptoms fell since the effect, less by how much the untouched services' did."""
    columns = columns_of(after.matrix)
    own = [columns[identity_of(w)] for w in symptoms if identity_of(w) in columns]
    kinds = {(w.metric, w.stat) for w in symptoms}
    others = [
        c
        for c, key in enumerate(after.matrix.keys)
        if key.service in after.untouched and (key.metric, key.stat) in kinds
    ]
    fell, fell_elsewhere = _fall(own, after, options), _fall(others, after, options)
    if np.isnan(fell):
        return Comparison("", {})
    numbers = {"fell": fell, "fell_elsewhere": fell_elsewhere, "difference": fell - fell_elsewhere}
    if np.isnan(fell_elsewhere):
        return Comparison("; there is no untouched service to compare with", numbers)
    if fell > _NOTED and fell_elsewhere >= _SAME * fell:
        said = f"; untouched services changed the same way ({fell_elsewhere:.0%}), so it may have ended by itself"
        return Comparison(said, numbers)
    return Comparison(f"; {fell:.0%} lower, {fell_elsewhere:.0%} on untouched services", numbers)


def _fall(columns: Sequence[int], after: Aftermath, options: VerifyOptions) -> float:
    times, values = after.matrix.times, after.matrix.values[:, list(columns)]
    before = _levels(values[(times > after.onset) & (times <= after.applied)])
    since = values[times > after.applied]
    now = _levels(since[-options.slots :])
    now = np.where(np.isfinite(now), now, _levels(since))
    told = np.isfinite(before) & np.isfinite(now) & (np.abs(before) > 1e-9)
    falls = (before[told] - now[told]) / np.abs(before[told])
    return float(np.mean(np.clip(falls, -1, 1))) if len(falls) else float("nan")


def _levels(values: Floats) -> Floats:
    # The median of each column; NaN where it has no value.
    return np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in values.T], np.float64)


def _change(seen: Seen) -> str:
    watch = seen.watch
    peer = dict(watch.attributes).get("peer")
    name = f"{watch.service} {watch.metric}" + (f" to {peer}" if peer else "")
    now = "gone" if np.isnan(seen.value) else f"{seen.value:.3g}"
    return f"{name} {watch.at_fault:.3g} → {now}, normal up to {watch.bound:.3g}"
