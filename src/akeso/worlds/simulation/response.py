"""From the bottom up: how long operations take now and how they fail, as their callers see it.

Fluid: every operation has a mean and a variance of its latency where it succeeds, a mean where it fails, and the
chances of each; what is above is made of what is below. Within one tick all levels are seen at once: a callee and its
callers turn slow together, as they do.
"""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout, Level
from akeso.worlds.simulation.reach import Reach
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

_TINY = 1e-12
_SURE = 1 - 1e-9
_BACKOFF_MS = 40.0
_QUICK_MS = 1.0
_LITTLE = 0.04
_OF_LEGS = (
    *("leg_fails", "leg_attempts", "leg_try_fails", "leg_try_ms", "leg_ok_ms", "leg_ok_var", "leg_fail_ms"),
    "link_fails",
)


@dataclass(slots=True, eq=False)
class Response:
    """Of endpoints: cpu_ms, own_ms, own_var (without waiting for a worker and without calls), wait_ms (for a worker),
    ok_ms, ok_var, fail_ms (all in), upstream (chance to fail by a call). Of links, for one attempt: ok_ms, ok_var
    (before any time-out cuts it), fails. Of legs: count (calls a request makes), fails (after all retries), attempts,
    try_fails, ok_ms, ok_var, fail_ms, calls_ms (mean over both)."""

    cpu_ms: Floats
    own_ms: Floats
    own_var: Floats
    wait_ms: Floats
    base_ms: Floats
    signs: Floats
    ok_ms: Floats
    ok_var: Floats
    fail_ms: Floats
    upstream: Floats
    link_fails: Floats
    leg_count: Floats
    leg_fails: Floats
    leg_attempts: Floats
    leg_try_fails: Floats
    leg_try_ms: Floats
    leg_ok_ms: Floats
    leg_ok_var: Floats
    leg_fail_ms: Floats


def respond(layout: Layout, state: State, settings: Settings, reach: Reach, before: Response | None = None) -> Response:
    """How the world answers in this tick. before: how it did a tick ago. While next to nothing changes, one sweep over
    all rows with what was below a tick ago does; otherwise it goes level by level."""
    out = _own(layout, state, settings, reach)
    levels = layout.levels
    if before is not None and _steady(out, before):
        levels = (layout.whole,)
        for name in _OF_LEGS:
            setattr(out, name, getattr(before, name))
    for level in levels:
        if len(level.callers):
            _below(layout, level, out)
        tries = _tries(layout, level, settings, reach, out)
        _legs(layout, level, state, reach, out, tries)
    return out


def _steady(out: Response, before: Response) -> bool:
    if not np.allclose(out.signs, before.signs, rtol=1e-3, atol=1e-4):
        return False
    moved = np.abs(out.base_ms - before.base_ms) / (before.base_ms + 1.0)
    return bool(moved.max() < _LITTLE)


def _signs(reach: Reach) -> Floats:
    """Numbers that change when anything in reach does."""
    columns = (reach.fast, reach.stuck, reach.away, reach.own_errors, reach.net_ms, reach.timeout_ms)
    sums = [float(np.add.reduce(column)) for column in (*columns, reach.leg_count, reach.retries)]
    return np.array([*sums, float(reach.share @ reach.share)])


def _own(layout: Layout, state: State, settings: Settings, reach: Reach) -> Response:
    of = layout.instance_of
    cpu = layout.cpu_ms * settings[Knob.CPU] * reach.warm[of]
    grey, grey_ms = settings[Knob.GREY_SHARE], settings[Knob.GREY_MS]
    still = layout.wait_ms * settings[Knob.WAIT] * reach.disk[of] + settings[Knob.DELAY_MS]
    own = cpu * state.stretch[of] + still * reach.contention[of]
    waits = state.queue_ms[of]
    var = (layout.spread * own) ** 2 + 0.5 * waits**2 + reach.pause_var[of]
    if Knob.GREY_SHARE in settings.turned:
        own = own + grey * grey_ms
        var = var + grey * (1 - grey) * grey_ms**2
    endpoints, legs = len(of), len(layout.leg_origin)
    return Response(
        cpu_ms=cpu,
        own_ms=own,
        own_var=var,
        wait_ms=waits,
        base_ms=own + waits,
        signs=_signs(reach),
        ok_ms=own + waits,
        ok_var=var.copy(),
        fail_ms=np.zeros(endpoints),
        upstream=np.zeros(endpoints),
        link_fails=np.empty(len(layout.link_leg)),
        leg_count=reach.leg_count,
        leg_fails=np.empty(legs),
        leg_attempts=np.empty(legs),
        leg_try_fails=np.empty(legs),
        leg_try_ms=np.empty(legs),
        leg_ok_ms=np.empty(legs),
        leg_ok_var=np.empty(legs),
        leg_fail_ms=np.empty(legs),
    )


def _below(layout: Layout, level: Level, out: Response) -> None:
    """What the calls of a level's endpoints add to them."""
    legs, starts, at = level.callers, level.starts, level.owners
    count, chance = out.leg_count[legs], np.minimum(out.leg_fails[legs], _SURE)
    optional = layout.leg_optional[legs]
    failing = -np.expm1(count * np.log1p(-chance))
    lost = np.where(optional, 0.0, failing)
    time = out.leg_ok_ms[legs]
    time = np.where(optional, time + chance * (out.leg_fail_ms[legs] - time), time)
    added = np.add.reduceat(count * time, starts)
    out.ok_ms[at] += added
    out.ok_var[at] += np.add.reduceat(count * out.leg_ok_var[legs], starts)
    out.upstream[at] = 1 - np.multiply.reduceat(1 - lost, starts)
    weight = np.add.reduceat(lost, starts)
    slow = np.add.reduceat(lost * out.leg_fail_ms[legs], starts)
    out.fail_ms[at] = out.ok_ms[at] - 0.5 * added + slow / np.maximum(weight, _TINY)


@dataclass(frozen=True, slots=True, eq=False)
class _Tries:
    """Of the links of a level: how single attempts go."""

    fails: Floats
    ok_ms: Floats
    ok_var: Floats
    fail_ms: Floats


def _tries(layout: Layout, level: Level, settings: Settings, reach: Reach, out: Response) -> _Tries:
    at = level.links
    endpoint = layout.link_endpoint[at]
    time, var, patience = reach.net_ms[at] + out.ok_ms[endpoint], out.ok_var[endpoint], reach.timeout_ms[at]
    late = np.zeros(len(time))
    near = time + 3 * np.sqrt(var) > patience
    if near.any():
        late[near], time[near] = _cut_off(time[near], var[near], patience[near])
    fast, away = reach.fast[at], reach.away[at]
    hangs = 1 - (1 - reach.stuck[at]) * (1 - settings[Knob.HANG][endpoint])
    own, upstream = reach.own_errors[endpoint], out.upstream[endpoint]
    begun = (1 - fast) * (1 - hangs) * (1 - away)
    served = begun * (1 - upstream)
    fails = 1 - served * (1 - late) * (1 - own)
    slow = np.minimum(reach.net_ms[at] + out.fail_ms[endpoint], patience)
    lost_ms = (
        (fast + away) * _QUICK_MS
        + (1 - fast) * hangs * patience
        + begun * upstream * slow
        + served * (late * patience + (1 - late) * own * 0.6 * time)
    )
    out.link_fails[at] = fails
    return _Tries(fails, time, var, lost_ms / np.maximum(fails, _TINY))


def _cut_off(mean: Floats, var: Floats, patience: Floats) -> tuple[Floats, Floats]:
    """Of a lognormal latency: the chance that it exceeds `patience`, and its mean below that."""
    mean = np.maximum(mean, 1e-6)
    shape2 = np.log1p(var / mean**2) + 1e-9
    shape = np.sqrt(shape2)
    z = (np.log(patience / mean) + shape2 / 2) / shape
    within = np.maximum(cumulative(z), 1e-9)
    return 1 - within, np.minimum(mean * cumulative(z - shape) / within, patience)


def cumulative(z: Floats) -> Floats:
    """The standard normal distribution function, to 2e-4 (logistic approximation with a cubic term)."""
    z = np.clip(z, -8.0, 8.0)
    return np.asarray(1 / (1 + np.exp(-z * (1.5976 + 0.07056 * z * z))))


def _legs(layout: Layout, level: Level, state: State, reach: Reach, out: Response, tries: _Tries) -> None:
    at, begins = level.legs, layout.leg_start[level.legs] - level.links.start
    weight = reach.weight[level.links]
    lost = weight * tries.fails
    kept = weight - lost
    fails = np.minimum(np.add.reduceat(lost, begins), _SURE)
    good = np.maximum(np.add.reduceat(kept, begins), _TINY)
    time = np.add.reduceat(kept * tries.ok_ms, begins) / good
    second = np.add.reduceat(kept * (tries.ok_var + tries.ok_ms**2), begins) / good
    wasted = np.add.reduceat(lost * tries.fail_ms, begins) / np.maximum(fails, _TINY)
    retries = reach.retries[at]
    all_fail = fails ** (retries + 1)
    attempts = (1 - all_fail) / (1 - fails)
    out.leg_try_fails[at] = fails
    out.leg_try_ms[at] = good * time + fails * wasted
    out.leg_attempts[at] = attempts
    out.leg_ok_ms[at] = time + (attempts - 1) * (wasted + _BACKOFF_MS)
    out.leg_ok_var[at] = np.maximum(second - time**2, 0.0) * attempts
    out.leg_fails[at] = all_fail
    out.leg_fail_ms[at] = (retries + 1) * wasted + retries * _BACKOFF_MS
    if reach.pools_wait:
        _pooled(layout, at, state, out)


def _pooled(layout: Layout, at: slice, state: State, out: Response) -> None:
    pool = layout.leg_pool[at]
    there = pool >= 0
    wait = np.where(there, state.pool_wait_ms[pool], 0.0)
    failing = np.where(there, state.pool_failing[pool], 0.0)
    before = out.leg_fails[at]
    after = 1 - (1 - before) * (1 - failing)
    patience = np.where(there, layout.pool_timeout[pool], 0.0)
    out.leg_ok_ms[at] += wait
    out.leg_fail_ms[at] = (failing * patience + (1 - failing) * before * (out.leg_fail_ms[at] + wait)) / np.maximum(
        after, _TINY
    )
    out.leg_fails[at] = after
