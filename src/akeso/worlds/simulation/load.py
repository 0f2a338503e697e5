"""From the top down: how many calls are made, and what they cost those who serve them."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids
from akeso.worlds.observation import STOPPING, UP
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.reach import Reach, Still
from akeso.worlds.simulation.response import Response
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

_TINY = 1e-9
_HANG_S = 60.0
_STUCK_MS = 60_000.0
_FULL = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """A second's calls: link, leg: attempts made, endpoint: what reached it, by row."""

    link: Floats
    leg: Floats
    endpoint: Floats


def descend(layout: Layout, state: State, reach: Reach, response: Response, demand: Floats) -> Load:
    """The calls that `demand` (float64, one a source, requests a second) brings about. Attempts that a full pool kept
    back are not made; what was begun before an instance fell behind still calls on."""
    endpoints = len(layout.instance_of)
    served = np.concatenate((np.zeros(endpoints), demand))
    arriving = np.zeros(endpoints)
    links, legs = np.empty(len(layout.link_leg)), np.empty(len(layout.leg_origin))
    held = _held_back(layout, state, reach)
    for level in reversed(layout.levels):
        at, wires, own = level.legs, level.links, level.endpoints
        made = served[layout.leg_origin[at]] * response.leg_count[at] * response.leg_attempts[at] * held[at]
        legs[at] = made
        rate = made[layout.link_leg[wires] - at.start] * reach.weight[wires]
        links[wires] = rate
        there = np.bincount(layout.link_endpoint[wires] - own.start, rate * reach.arriving[wires], own.stop - own.start)
        arriving[own] = there
        served[own] = there * state.admitted[layout.instance_of[own]]
    return Load(links, legs, arriving)


def _held_back(layout: Layout, state: State, reach: Reach) -> Floats:
    if not reach.pools_wait:
        return np.ones(len(layout.leg_pool))
    return np.where(layout.leg_pool >= 0, 1 - state.pool_failing[layout.leg_pool], 1.0)


def _total(rows: Ids, values: Floats, count: int) -> Floats:
    return np.bincount(rows, values, count).astype(np.float64, copy=False)


def strain(layout: Layout, still: Still, state: State, settings: Settings, response: Response, load: Load) -> None:
    """What the load of a second leaves behind in instances: who waits, who is turned away, how busy they are."""
    _measure(layout, state, settings, response, load)
    workers = np.maximum(still.workers * settings[Knob.WORKERS] - state.lost_workers, 0.0)
    pressure = state.node_pressure[layout.node_of]
    cores = still.limit * settings[Knob.CPU_LIMIT]
    free = cores / pressure * (1 - state.gc_share) - settings[Knob.CPU_BURN]
    free = np.maximum(free, 0.02 * cores)
    by_worker = 1000 * workers / np.maximum(state.hold_ms, 0.01)
    by_cpu = 1000 * free / np.maximum(state.cpu_ms, 0.001)
    alive = (state.status == UP) | (state.status == STOPPING)
    capacity = np.where(alive, np.minimum(by_worker, by_cpu), 0.0)
    _queue(state, capacity, still.accept * settings[Knob.ACCEPT])
    state.rho_cpu = 0.5 * state.rho_cpu + 0.5 * state.arrivals / np.maximum(by_cpu, _TINY)
    state.rho_worker = 0.5 * state.rho_worker + 0.5 * state.arrivals / np.maximum(by_worker, _TINY)
    busy = np.minimum(state.rho_cpu, _FULL)
    sharing = 1 / (1 - busy ** np.maximum(free, 1.0))
    most = np.maximum(workers, 1.0) / np.minimum(np.maximum(free, 0.05), np.maximum(workers, 1.0))
    slower = np.minimum(sharing, np.maximum(most, 1.0))
    state.stretch = np.minimum(pressure * slower / (1 - state.gc_share), 200.0)
    state.queue_ms = _waiting(state, capacity, np.maximum(workers, 0.5))


def _measure(layout: Layout, state: State, settings: Settings, response: Response, load: Load) -> None:
    """Arrivals at instances, and what a mean request takes of them; what nobody asked for keeps its last figure."""
    of, rate, count = layout.instance_of, load.endpoint, len(layout.service_of)
    up = response.upstream
    whole = response.ok_ms + up * (response.fail_ms - response.ok_ms) - response.wait_ms
    hang = settings[Knob.HANG]
    whole = whole * (1 - hang) + hang * _HANG_S * 1000
    arrivals = _total(of, rate, count)
    asked = arrivals > _TINY
    scale = np.maximum(arrivals, _TINY)
    state.arrivals = arrivals
    state.hold_ms = np.where(asked, _total(of, rate * whole, count) / scale, state.hold_ms)
    state.cpu_ms = np.where(asked, _total(of, rate * response.cpu_ms, count) / scale, state.cpu_ms)


def _queue(state: State, capacity: Floats, accept: Floats) -> None:
    offered = state.arrivals
    done = np.minimum(offered + state.backlog, capacity)
    waiting = state.backlog + offered - done
    overflow = np.maximum(waiting - accept, 0.0)
    state.backlog = waiting - overflow
    state.refused = overflow / np.maximum(offered, _TINY)
    # With nothing to do a little would be begun at once, so that a new call is not held to be stuck.
    state.admitted = np.where(offered > _TINY, done / np.maximum(offered, _TINY), np.sign(capacity))
    np.minimum(state.admitted, 5.0, out=state.admitted)
    state.capacity = capacity


def _waiting(state: State, capacity: Floats, workers: Floats) -> Floats:
    """Behind the backlog, and for a free worker (Sakasegawa's approximation of M/M/c)."""
    busy = np.minimum(state.rho_worker, _FULL)
    chance = busy ** (np.sqrt(2 * (workers + 1)) - 1) / (workers * (1 - busy))
    behind = 1000 * state.backlog / np.maximum(capacity, _TINY)
    return np.asarray(np.minimum(behind + np.minimum(chance, 3.0) * state.hold_ms, _STUCK_MS))


def pool(layout: Layout, state: State, settings: Settings, response: Response, load: Load) -> None:
    """What a second's calls do to the connection pools of those who make them."""
    leg = layout.leg_pool
    there = leg >= 0
    if not there.any():
        return
    took = load.leg * response.leg_try_ms / 1000
    use = _total(leg[there], took[there], len(layout.pool_size)) / np.maximum(1 - state.pool_failing, 0.02)
    state.pool_use = use
    state.pool_lost = np.minimum(state.pool_lost + settings[Knob.POOL_LEAK], layout.pool_size)
    size = np.maximum(layout.pool_size * settings[Knob.POOL] - state.pool_lost, 0.0)
    over = use / np.maximum(size, 0.01) - 1.0
    wait = np.clip(state.pool_wait_ms + 1000 * over, 0.0, layout.pool_timeout)
    full = (wait >= layout.pool_timeout) & (over > 0)
    state.pool_wait_ms = wait
    state.pool_failing = np.where(full, np.minimum(over / np.maximum(1 + over, 1e-6), 0.995), 0.0)
