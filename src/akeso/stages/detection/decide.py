"""Decide: which series are anomalous, from all detectors' opinions of a slot and what was seen before.

A series deviates when one detector that stands for itself says so (a stated limit, a silence, a climb, a surprise),
or when several of the others agree and the departure matters in practice (see relevance.py); for an error ratio whose
calls are counted, when the pooled failures surprise (see failures.py). It is raised when it deviates persistently and
cleared when it was quiet for a while; both count the values of the series, at whatever cadence they are told, and not
slots of the clock (see cadence.py). A duration that half of all services have in common, or that is one of a single
call, must do so for longer.
"""

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.symptoms import opens
from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Decision, Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, Ids, Mask, SeriesKey, Times
from akeso.domain.telemetry.positions import enough
from akeso.domain.telemetry.signal import Signal
from akeso.domain.telemetry.times import instant_of
from akeso.stages.detection.accumulation import piling_up
from akeso.stages.detection.cadence import holds, is_slow, stale_after
from akeso.stages.detection.calls_behind import DURATIONS, calls_behind, support
from akeso.stages.detection.common_mode import deviations, shared_rise
from akeso.stages.detection.failures import FailureState, FailureView, learnt, looked_at, pooled
from akeso.stages.detection.false_discovery import discovered
from akeso.stages.detection.relevance import persistence, relevant
from akeso.stages.detection.series_facts import FactsTable, SeriesFacts
from akeso.stages.detection.votes import highest, shared

# Counted by the slot: of a part of one nothing can be said.
_BY_THE_SLOT = np.isin(
    np.arange(256),
    (Signal.TRAFFIC, Signal.LOG_ERRORS, Signal.LOG_VOLUME, Signal.NOVELTY, Signal.LOG_SURPRISE),
)
_RATIOS = np.isin(np.arange(256), (Signal.ERRORS, Signal.EDGE_ERRORS))
# The highest twentieth of fewer calls than this is the slowest of them.
_TELLING_CALLS = 20.0
_FORGOTTEN = 10  # slots without a value after which it is no longer known how a series was
_ACCEPTED = 30  # values of a series that is told rarely, for which a level lasts before it is the normal one
_LONGEST = 15  # values back from which a departure is still believed to be the same


@dataclass(frozen=True, slots=True)
class DecideOptions:
    """How sure a decision has to be. Scores are multiples of a detector's threshold: 1 is at it.

    agreement: how many of the detectors that share the decision must agree.
    min_samples: values that a series must have before statistics may speak of it; fewer, but never less than ten, of
        one that is told more rarely than every slot.
    part_factor: how much higher the score of a series of a part (an operation, an instance) must be.
    surprise: how improbable pooled failures must be, in nats (7.5: at most one in 1,800).
    high_score: a score with which two values in a row are enough, whatever persistence the signal needs otherwise, and
        one
        value of a level that accumulates (see accumulation.py).
    critical_score: a score with which one value is enough if a second service has a symptom of `high_score` too and not
        more than half of all services do; otherwise the machine stood still for a moment.
    threshold: multiplies every threshold but a rule's. Each version of the model brings its own; this is the first's.
    false_discoveries: the share of false ones that is accepted among the series of a service raised at the same time.
    safe_mode: whether only rules decide from the start.
    doubtful: values with this score or a higher one are not learnt as normal.
    clear_below: a slot of a raised series counts as quiet with a score below this.
    clear_after: quiet slots in a row after which a raised series is cleared; one that was raised for less clears
        sooner.
    forget_after: slots without a value after which a raised series is cleared; never before its value is stale.
    accept_after: a raised level that lasts this long, and for thirty values of the series, is learnt as the new normal;
        an error ratio after six times as long, silence never.
    """

    agreement: int = 2
    min_samples: int = 25
    part_factor: float = 1.25
    surprise: float = 7.5
    high_score: float = 2.0
    critical_score: float = 3.0
    threshold: float = 1.0
    false_discoveries: float = 0.1
    safe_mode: bool = False
    doubtful: float = 0.75
    clear_below: float = 0.7
    clear_after: int = 5
    forget_after: int = 30
    accept_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, eq=False)
class DecideState:
    """Per series: seen values; last: the score of the last value; history: bits of the last eight values, the
    newest lowest, 1 where it deviated; quiet: values in a row; missing: slots in a row; raised; age: slots since it was
    raised, or values of a series that is told more rarely than every slot;
    since: ns, start of the slot in which the departure showed first (0: it does not); usual_calls: a mean of the
    calls behind a slot's value; value: the last one; rose: whether it was above its predecessor. The failures have a
    row for each error ratio, in the order of the series.
    """

    seen: Floats = field(default_factory=lambda: np.zeros(0))
    last: Floats = field(default_factory=lambda: np.zeros(0))
    history: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    quiet: Ids = field(default_factory=lambda: np.zeros(0, np.int32))
    missing: Ids = field(default_factory=lambda: np.zeros(0, np.int32))
    raised: Mask = field(default_factory=lambda: np.zeros(0, bool))
    age: Ids = field(default_factory=lambda: np.zeros(0, np.int32))
    since: Times = field(default_factory=lambda: np.zeros(0, np.int64))
    usual_calls: Floats = field(default_factory=lambda: np.zeros(0))
    value: Floats = field(default_factory=lambda: np.zeros(0))
    rose: Mask = field(default_factory=lambda: np.zeros(0, bool))
    failures: FailureState = field(default_factory=FailureState.empty)

    def grown(self, rows: int) -> Self:
        """The same with zeros in new rows up to `rows`."""
        more = rows - len(self.seen)
        if more <= 0:
            return self
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "failures"}
        longer = {name: np.concatenate([a, np.zeros(more, a.dtype)]) for name, a in arrays.items()}
        return type(self)(**longer, failures=self.failures)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """learn: bool[n], the series whose value of this slot detectors may learn as normal."""

    decision: Decision
    state: DecideState
    learn: Mask


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    # One slot as everything below sees it, float64[n] or bool[n] each. stirring: the departure shows, if weakly;
    # doubtful: nothing to learn from; at_once: a single slot decides. p_value: NaN without an opinion. single: the
    # value is that of a single call.
    score: Floats
    expected: Floats
    spread: Floats
    stirring: Mask
    doubtful: Mask
    at_once: Mask
    p_value: Floats
    stated: Mask
    single: Mask


def decide(prediction: Prediction, facts: FactsTable, state: DecideState, options: DecideOptions) -> Judgement:
    """What changed with this slot. Pure: the same prediction and state give the same judgement and the same ids.

    Of a partial frame only what is clear at once is decided: what a single value or two high ones are enough for.
    Nothing clears, nothing is learnt, and the slot itself is decided on later as if nobody had looked.
    """
    frame = prediction.frame
    known = facts.first(len(frame.values))
    state = state.grown(len(frame.values))
    calls = calls_behind(frame, known)
    ratios = np.flatnonzero(_RATIOS[frame.signals])
    failures, view = pooled(state.failures.grown(len(ratios)), frame.values[ratios], calls[ratios])
    look = _look(prediction, known, state, _Counted(calls, ratios, view), options)
    after = _after(replace(state, failures=failures), frame, look, options)
    raise_, clear = _changes(after, frame, known, look, options)
    if frame.partial:
        raise_ &= ~_BY_THE_SLOT[frame.signals] & (look.at_once | (look.score >= options.high_score))
        clear[:] = False
    decision = Decision(
        end=frame.end,
        raised=tuple(_anomaly(row, prediction, facts.key(row), look, after) for row in np.flatnonzero(raise_).tolist()),
        cleared=tuple(facts.key(row) for row in np.flatnonzero(clear).tolist()),
    )
    if frame.partial:
        return Judgement(decision, _seen_early(state, after, raise_), np.zeros(len(raise_), bool))
    after = _settled(_seen(after, frame, look), raise_, clear)
    learn = _learnable(after, frame, known, look, options)
    return Judgement(decision, _learnt(after, frame, calls, learn), learn)


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    # calls: float64[n] behind each value; ratios: the rows of error ratios; view: their pooled failures.
    calls: Floats
    ratios: NDArray[np.intp]
    view: FailureView


def _look(p: Prediction, facts: SeriesFacts, state: DecideState, counted: _Counted, options: DecideOptions) -> _Look:
    frame = p.frame
    rules, warm = highest(p, Vote.RULE), state.seen >= enough(options.min_samples, frame.slots_between)
    matters = relevant(frame.values, p.expected, frame.signals) & warm
    factor = options.threshold * np.where(facts.part, options.part_factor, 1.0)
    highest_vote, common = shared(p, options.agreement)
    votes = np.where(matters, common * support(frame, counted.calls, state.usual_calls) / factor, 0.0)
    alone = np.where(warm, highest(p, Vote.STANDALONE) / options.threshold, 0.0)
    score = np.maximum(np.maximum(rules, alone), votes)
    stirring = matters & (highest_vote >= 0.6)
    expected, spread, at_once = p.expected.copy(), p.spread.copy(), facts.simple & (rules >= 1.0)
    known = np.isfinite(counted.calls[counted.ratios])
    rows = counted.ratios[known]
    view = counted.view.at(known)
    burst = (view.ratio - view.expected >= 0.05) | (rules[rows] >= 1.0)
    burst &= warm[rows] & (counted.calls[rows] > 0)
    score[rows] = np.where(burst, view.surprise / (options.surprise * factor[rows]), 0.0)
    if options.safe_mode:
        quiet = np.minimum(rules[rows], score[rows])
        score, stirring = rules.copy(), np.zeros(len(score), bool)
        score[rows] = quiet
    missed = highest(p, Vote.OBJECTIVE)
    score = np.maximum(score, missed)
    expected[rows] = view.expected
    spread[rows] = np.sqrt(np.maximum(view.expected, 0.0) / np.maximum(state.usual_calls[rows], 1.0))
    # Pooled failures and a component's own word are persistent enough by themselves.
    at_once[rows] |= ~facts.part[rows]
    at_once |= missed >= 1.0
    p_value = p.p_value.copy() if len(p.p_value) else np.full(len(score), np.nan)
    # A Chernoff bound on the chance of so many failures.
    p_value[rows] = np.exp(-np.maximum(view.surprise, 0.0))
    stated = np.maximum(rules, missed) >= 1.0
    single = facts.quantile & (counted.calls < _TELLING_CALLS)
    doubtful = score >= options.doubtful
    # The first burst is no alarm yet, and no normal value either.
    doubtful[rows] |= view.news >= options.doubtful * options.surprise * factor[rows]
    return _Look(score, expected, spread, stirring | (score >= 1.0), doubtful, at_once, p_value, stated, single)


def _after(state: DecideState, frame: FeatureFrame, look: _Look, options: DecideOptions) -> DecideState:
    present = np.isfinite(frame.values)
    deviates = look.score >= 1.0
    history = np.where(present, (state.history << 1) | deviates, state.history).astype(np.uint8)
    missing = np.where(present, 0, state.missing + 1).astype(np.int32)
    history[missing > np.maximum(_FORGOTTEN, stale_after(frame))] = 0
    quiet = np.where(look.score < options.clear_below, state.quiet + 1, 0)
    going_on = look.stirring | state.raised | ((history & 0b1111) > 0)
    fresh = present & look.stirring & (state.since == 0)
    since = np.where(fresh, frame.end - frame.width, state.since)
    ageing = state.raised & (present | ~is_slow(frame))
    return replace(
        state,
        seen=state.seen + present,
        history=history,
        quiet=np.where(present, quiet, state.quiet).astype(np.int32),
        missing=missing,
        age=(state.age + ageing).astype(np.int32),
        since=np.where(going_on | ~present, since, 0),
    )


def _changes(
    state: DecideState, frame: FeatureFrame, facts: SeriesFacts, look: _Look, options: DecideOptions
) -> tuple[Mask, Mask]:
    high = np.flatnonzero(~state.raised & np.isfinite(frame.values) & (look.score >= 1.0))
    raise_ = np.zeros(len(state.raised), bool)
    if len(high):
        hits, slots = persistence(frame.signals[high], facts.part[high])
        hits = np.minimum(hits, _needed(high, state, frame, facts, look, options))
        shared = _is_shared(high, frame, facts, look, options)
        hits[shared], slots[shared] = 7, 8
        seen = np.bitwise_count(state.history[high] & ((1 << slots.astype(np.int64)) - 1).astype(np.uint8))
        raise_[high] = seen >= hits
        # Next to many series of a service some look bad by chance; what somebody stated is no matter of chance.
        p_value = np.where(look.stated, np.nan, look.p_value)
        raise_ = discovered(raise_, p_value, facts.service, options.false_discoveries)
    patience = np.clip(state.age, 2, options.clear_after)
    gone = (state.missing >= np.maximum(options.forget_after, stale_after(frame))) & (frame.signals != Signal.SILENCE)
    clear = state.raised & ((state.quiet >= patience) | gone)
    return raise_, clear


def _needed(
    rows: NDArray[np.intp],
    state: DecideState,
    frame: FeatureFrame,
    facts: SeriesFacts,
    look: _Look,
    options: DecideOptions,
) -> Ids:
    # Values that are needed however persistent the signal has to be otherwise.
    score = look.score[rows]
    # Calls are told over up to three slots, so that a single slow one is seen in as many.
    high = (score >= options.high_score) & ~look.single[rows]
    needed = np.where(high & (state.last[rows] >= options.high_score), 2, 8)
    grew = piling_up(frame.signals[rows], frame.values[rows], state.value[rows], state.rose[rows], look.expected[rows])
    needed[high & grew] = 1
    held = holds(frame, state.missing)
    still = np.flatnonzero(held & (state.last >= options.high_score) & opens(frame.signals))
    ill = np.unique(facts.service[np.concatenate([rows[high & opens(frame.signals[rows])], still])])
    if len(ill) > 1:
        heard = np.unique(facts.service[np.isfinite(frame.values) | held])
        if 2 * len(ill) <= len(heard):
            needed[(score >= options.critical_score) & np.isin(facts.service[rows], ill)] = 1
    return np.where(look.at_once[rows], 1, needed).astype(np.int32)


def _seen_early(before: DecideState, after: DecideState, raise_: Mask) -> DecideState:
    # What was raised stands since its departure began; all else waits for the whole slot.
    return replace(
        before,
        raised=before.raised | raise_,
        age=np.where(raise_, 0, before.age).astype(np.int32),
        quiet=np.where(raise_, 0, before.quiet).astype(np.int32),
        since=np.where(raise_, after.since, before.since),
        failures=looked_at(before.failures.grown(len(after.failures.looked)), after.failures),
    )


def _is_shared(
    rows: NDArray[np.intp], frame: FeatureFrame, facts: SeriesFacts, look: _Look, options: DecideOptions
) -> Mask:
    # Durations that would be no alarm without what half of all services have in common: of the whole machine's moment
    # something is told if it lasts.
    durations = DURATIONS[frame.signals[rows]] & ~look.at_once[rows] & (look.score[rows] < options.high_score)
    if not durations.any():
        return durations
    deviation = deviations(frame, look.expected)
    own = 1.0 - shared_rise(deviation, frame, facts) / np.maximum(deviation[rows], 1e-9)
    return np.asarray(durations & (look.score[rows] * own < 1.0))


def _seen(state: DecideState, frame: FeatureFrame, look: _Look) -> DecideState:
    present = np.isfinite(frame.values)
    return replace(
        state,
        last=np.where(present, look.score, state.last),
        rose=np.where(present, frame.values > state.value, state.rose),
        value=np.where(present, frame.values, state.value),
    )


def _settled(state: DecideState, raise_: Mask, clear: Mask) -> DecideState:
    changed = raise_ | clear
    return replace(
        state,
        raised=(state.raised | raise_) & ~clear,
        age=np.where(changed, 0, state.age).astype(np.int32),
        quiet=np.where(changed, 0, state.quiet).astype(np.int32),
        history=np.where(clear, 0, state.history).astype(np.uint8),
        since=np.where(clear, 0, state.since),
    )


def _learnable(
    state: DecideState, frame: FeatureFrame, facts: SeriesFacts, look: _Look, options: DecideOptions
) -> Mask:
    # While a service shows a symptom, none of its series is normal, not even one that only half departs.
    after = options.accept_after / timedelta(seconds=frame.width / NANOSECONDS)
    slots = np.where(is_slow(frame), np.maximum(after / frame.slots_between, _ACCEPTED), after)
    patience = np.where(_RATIOS[frame.signals], 6 * slots, slots)
    patience = np.where(frame.signals == Signal.SILENCE, np.inf, patience)
    lasting = state.raised & (state.age > patience)
    ill = state.raised & (state.age <= slots) & opens(frame.signals)
    suspect = look.doubtful | state.raised | ((state.history & 0b111) > 0)
    if ill.any():
        suspect |= np.bincount(facts.service, ill, minlength=1)[facts.service] > 0
    return np.asarray(lasting | ~suspect)


def _learnt(state: DecideState, frame: FeatureFrame, calls: Floats, learn: Mask) -> DecideState:
    took = learn & np.isfinite(frame.values) & (calls > 0)
    rate = np.where(state.usual_calls > 0, 0.02, 1.0)
    usual = np.where(took, state.usual_calls + rate * (calls - state.usual_calls), state.usual_calls)
    return replace(state, usual_calls=usual, failures=learnt(state.failures, took[_RATIOS[frame.signals]]))


def _anomaly(row: int, p: Prediction, key: SeriesKey, look: _Look, state: DecideState) -> Anomaly:
    frame = p.frame
    every = int(frame.every[row]) if len(frame.every) else frame.width
    onset = max(int(state.since[row]) or frame.end - frame.width, frame.end - _LONGEST * every)
    if frame.signals[row] == Signal.SILENCE:
        onset = frame.end - int(frame.values[row] * NANOSECONDS)
    return Anomaly(
        id=anomaly_id(key, onset),
        tenant=key.tenant,
        key=key,
        signal=Signal(int(frame.signals[row])),
        onset=instant_of(onset),
        detected_at=instant_of(frame.end),
        score=float(look.score[row]),
        observed=float(frame.values[row]),
        expected=float(look.expected[row]),
        spread=float(look.spread[row]),
        detectors=tuple(n for n, s in zip(p.detectors, p.score[:, row], strict=True) if s >= 1.0),
        p_value=float(look.p_value[row]),
        every=timedelta(microseconds=every / 1_000),
    )


def anomaly_id(key: SeriesKey, onset: int) -> str:
    """The same series and onset (ns) have the same id in every process and after every restart."""
    place = (key.tenant, key.service, key.metric, key.attributes, key.unit, key.stat, onset)
    return blake2b(repr(place).encode(), digest_size=8).hexdigest()
