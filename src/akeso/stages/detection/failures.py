"""Error ratios as what they are: a few failed calls among a few calls.

One failure among two calls is a ratio of one half and means little; six among forty mean a lot. So where the number of
calls behind a ratio is known, the last slots are pooled and their failures compared with the learnt share. A ratio that
stands on several slots is taken apart for that: else a failure would count a little in each of them, and late.
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from akeso.domain.telemetry.batches import Floats, Mask
from akeso.domain.telemetry.scale import surprise
from akeso.stages.features.slots import FeatureOptions

POOL = 6
_ENOUGH, _BEFORE = FeatureOptions().min_calls, FeatureOptions().rolling_slots - 1
# As if 0.5 failures had been seen in 100 calls before: the first failure of a new service is no burst.
_PRIOR_FAILURES, _PRIOR_CALLS = 0.5, 100.0
_MEMORY = 600.0
_SOME = 0.01  # less is what rounding left of a failure that was taken off
_TELLING = 3.0  # this many calls without a failure say that the failures are over


@dataclass(frozen=True, slots=True, eq=False)
class FailureState:
    """failures, calls: float64[n, POOL] of the last slots with a value, the newest last; the totals: float64[n],
    learnt, forgetting; before_failures, before_calls: float64[n, trailing - 1] of the last slots, also those without
    calls, the newest first; looked: float64[n], failures that an early look at the coming slot has seen."""

    failures: Floats
    calls: Floats
    total_failures: Floats
    total_calls: Floats
    before_failures: Floats
    before_calls: Floats
    looked: Floats

    @classmethod
    def empty(cls) -> Self:
        pool, before = np.zeros((0, POOL)), np.zeros((0, _BEFORE))
        return cls(pool, pool, np.zeros(0), np.zeros(0), before, before, np.zeros(0))

    def grown(self, rows: int) -> Self:
        """The same with zeros in new rows up to `rows`."""
        more = rows - len(self.total_calls)
        arrays = (getattr(self, f.name) for f in fields(self))
        return type(self)(*(np.concatenate([a, np.zeros((more, *a.shape[1:]))]) for a in arrays)) if more > 0 else self


@dataclass(frozen=True, slots=True, eq=False)
class FailureView:
    """news: nats, how surprising the pooled failures are; surprise: the same, 0 unless at least two of the pooled slots
    hold failures, or the newest both before and after the early look at it, and unless what the newest ratio stands on
    holds some or the newest slot is too small to tell; ratio: of the pool; expected: the learnt share (float64[n])."""

    news: Floats
    surprise: Floats
    ratio: Floats
    expected: Floats

    def at(self, rows: Mask) -> Self:
        """Some of them."""
        return type(self)(self.news[rows], self.surprise[rows], self.ratio[rows], self.expected[rows])


def pooled(state: FailureState, ratio: Floats, calls: Floats) -> tuple[FailureState, FailureView]:
    """Take a slot in and look at the pool. ratio, calls: float64[n]; rows with a NaN or no calls stay as they were."""
    present = np.isfinite(ratio) & (calls > 0)
    count = np.where(present, calls, 0.0)
    failed = _failed(state, np.where(present, ratio, 0.0), count)
    taken = replace(
        state,
        failures=np.where(present[:, None], np.column_stack([state.failures[:, 1:], failed]), state.failures),
        calls=np.where(present[:, None], np.column_stack([state.calls[:, 1:], count]), state.calls),
        before_failures=np.column_stack([failed, state.before_failures[:, :-1]]),
        before_calls=np.column_stack([count, state.before_calls[:, :-1]]),
        looked=np.zeros(len(failed)),
    )
    went_on = (state.looked > _SOME) & (failed > state.looked + _SOME)
    return taken, _look(taken, present & (ratio > 0), went_on)


def looked_at(state: FailureState, seen: FailureState) -> FailureState:
    """The state before a slot with the failures that an early look has `seen` of it."""
    return replace(state, looked=seen.before_failures[:, 0])


def _failed(state: FailureState, ratio: Floats, count: Floats) -> Floats:
    # Failures of this slot alone: the ratio is of as few of the last slots as hold enough calls.
    total, earlier = count.copy(), np.zeros(len(count))
    for age in range(_BEFORE):
        reaches = total < _ENOUGH
        total += np.where(reaches, state.before_calls[:, age], 0.0)
        earlier += np.where(reaches, state.before_failures[:, age], 0.0)
    return np.clip(ratio * total - earlier, 0.0, count)


def _look(state: FailureState, lately: Mask, went_on: Mask) -> FailureView:
    expected = (_PRIOR_FAILURES + state.total_failures) / (_PRIOR_CALLS + state.total_calls)
    failed, calls = state.failures.sum(axis=1), state.calls.sum(axis=1)
    news = surprise(failed, np.maximum(expected * calls, 1e-12))
    repeated = went_on | ((state.failures > _SOME).sum(axis=1) >= 2)
    going_on = lately | (state.calls[:, -1] < _TELLING)
    ratio = failed / np.maximum(calls, 1e-12)
    return FailureView(news, np.where(repeated & going_on, news, 0.0), ratio, expected)


def learnt(state: FailureState, learn: Mask) -> FailureState:
    """The newest slot of the pool counts as normal where `learn`. Call once for each slot taken in."""
    keep = np.where(learn, 1.0 - 1.0 / _MEMORY, 1.0)
    return replace(
        state,
        total_failures=keep * state.total_failures + np.where(learn, state.failures[:, -1], 0.0),
        total_calls=keep * state.total_calls + np.where(learn, state.calls[:, -1], 0.0),
    )
