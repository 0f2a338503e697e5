"""Error ratios as what they are: a few failed calls among a few calls.

One failure among two calls is a ratio of one half and means little; six among forty mean a lot. So where the number of
calls behind a ratio is known, the last slots are pooled and their failures compared with the learnt share.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from akeso.domain.scale import surprise
from akeso.domain.telemetry import Floats, Mask

POOL = 6
# As if 0.5 failures had been seen in 100 calls before: the first failure of a new service is no burst.
_PRIOR_FAILURES, _PRIOR_CALLS = 0.5, 100.0
_MEMORY = 600.0
_TELLING = 3.0  # this many calls without a failure say that the failures are over


@dataclass(frozen=True, slots=True, eq=False)
class FailureState:
    """failures, calls: float64[n, POOL] of the last slots with a value; the totals: float64[n], learnt, forgetting."""

    failures: Floats
    calls: Floats
    total_failures: Floats
    total_calls: Floats

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros((0, POOL)), np.zeros((0, POOL)), np.zeros(0), np.zeros(0))

    def grown(self, rows: int) -> Self:
        """The same with zeros in new rows up to `rows`."""
        more = rows - len(self.total_calls)
        arrays = (getattr(self, f.name) for f in fields(self))
        return type(self)(*(np.concatenate([a, np.zeros((more, *a.shape[1:]))]) for a in arrays)) if more > 0 else self


@dataclass(frozen=True, slots=True, eq=False)
class FailureView:
    """surprise: nats, 0 unless at least two of the pooled slots hold failures and the newest does, or is too small to
    tell; ratio: of the pool; expected: the learnt share (float64[n] each)."""

    surprise: Floats
    ratio: Floats
    expected: Floats

    def at(self, rows: Mask) -> Self:
        """Some of them."""
        return type(self)(self.surprise[rows], self.ratio[rows], self.expected[rows])


def pooled(state: FailureState, ratio: Floats, calls: Floats) -> tuple[FailureState, FailureView]:
    """Take a slot in and look at the pool. ratio, calls: float64[n]; rows with a NaN or no calls stay as they were."""
    present = np.isfinite(ratio) & (calls > 0)
    count = np.where(present, calls, 0.0)
    failed = np.where(present, ratio, 0.0) * count
    failures = np.where(present[:, None], np.column_stack([state.failures[:, 1:], failed]), state.failures)
    total = np.where(present[:, None], np.column_stack([state.calls[:, 1:], count]), state.calls)
    taken = FailureState(failures, total, state.total_failures, state.total_calls)
    return taken, _look(taken)


def _look(state: FailureState) -> FailureView:
    expected = (_PRIOR_FAILURES + state.total_failures) / (_PRIOR_CALLS + state.total_calls)
    failed, calls = state.failures.sum(axis=1), state.calls.sum(axis=1)
    news = surprise(failed, np.maximum(expected * calls, 1e-12))
    repeated = (state.failures > 0).sum(axis=1) >= 2
    going_on = (state.failures[:, -1] > 0) | (state.calls[:, -1] < _TELLING)
    return FailureView(np.where(repeated & going_on, news, 0.0), failed / np.maximum(calls, 1e-12), expected)


def learnt(state: FailureState, learn: Mask) -> FailureState:
    """The newest slot of the pool counts as normal where `learn`. Call once for each slot taken in."""
    keep = np.where(learn, 1.0 - 1.0 / _MEMORY, 1.0)
    return FailureState(
        state.failures,
        state.calls,
        keep * state.total_failures + np.where(learn, state.failures[:, -1], 0.0),
        keep * state.total_calls + np.where(learn, state.calls[:, -1], 0.0),
    )
