"""Who can be reached now, and how: what a tick knows before anything is computed."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Codes, Floats, Mask
from akeso.worlds.answers import REFUSED, Answer
from akeso.worlds.estate.service import CallProtocol, Service, ServiceKind
from akeso.worlds.observation import ABSENT, HUNG, STOPPING, UP
from akeso.worlds.simulation.knobs import NODE_LAG_S, Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

_NET_MS = {
    CallProtocol.HTTP: 0.8,
    CallProtocol.GRPC: 0.5,
    CallProtocol.SQL: 0.4,
    CallProtocol.REDIS: 0.25,
    CallProtocol.MESSAGE: 1.0,
    CallProtocol.NONE: 0.0,
}
_WARM_S = 15.0
_LOST_MS = 250.0
_PACKETS = 4.0
_ENDLESS = 1e5


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """What of a layout never changes, made once: net_ms of links; warmth and limits of instances."""

    net_ms: Floats
    cold: Floats
    limit: Floats
    workers: Floats
    accept: Floats
    lag_s: Floats
    stores: Mask

    @classmethod
    def of(cls, layout: Layout) -> "Still":
        """For a layout."""
        services = [layout.services[s] for s in layout.service_of]
        sites = layout.sites
        callees = [layout.services[sites[layout.leg_site[k]].callee] for k in layout.link_leg]
        outside = [callee.kind is ServiceKind.THIRD_PARTY for callee in callees]
        net = np.array([_NET_MS[sites[layout.leg_site[k]].protocol] for k in layout.link_leg])
        sidecar = np.array([1.6 if services[i].sidecar else 0.0 for i in layout.link_callee])
        return cls(
            net_ms=net + sidecar + np.where(outside, 18.0, 0.0),
            cold=np.array([_coldness(s.kind) for s in services]),
            limit=np.array([_cores(s) for s in services]),
            workers=np.array([_workers(s) for s in services]),
            accept=np.array([float(s.accept) for s in services]),
            lag_s=np.array([10.0 if s.alone else 4.0 for s in services]),
            stores=np.array([s.stores for s in services]),
        )


def _cores(service: Service) -> float:
    return _ENDLESS if service.kind is ServiceKind.THIRD_PARTY else service.cores or 4.0


def _workers(service: Service) -> float:
    return _ENDLESS if service.kind is ServiceKind.THIRD_PARTY else float(service.concurrency)


def _coldness(kind: ServiceKind) -> float:
    return {ServiceKind.THIRD_PARTY: 0.0, ServiceKind.MACHINE: 0.0, ServiceKind.DATABASE: 1.0}.get(kind, 1.5)


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Of links: weight (which part of a leg's calls goes there), net_ms, timeout_ms, fast (chance to fail at once),
    fast_answer (with which answer), stuck (chance that nothing ever comes back), away (chance to be turned away by the
    callee). Of legs: leg_count, retries. Of instances: share (of its service's calls), warm (factor on processor
    time), disk (on waiting), contention, pause_var (ms² by collections). Of endpoints: own_errors, own_answers (how
    these fail), missing. pools_wait: whether anybody waits for a connection."""

    share: Floats
    weight: Floats
    net_ms: Floats
    timeout_ms: Floats
    fast: Floats
    fast_answer: Codes
    stuck: Floats
    away: Floats
    leg_count: Floats
    retries: Floats
    warm: Floats
    disk: Floats
    contention: Floats
    pause_var: Floats
    own_errors: Floats
    own_answers: Codes
    missing: Floats
    arriving: Floats
    pools_wait: bool


def reach(layout: Layout, still: Still, state: State, settings: Settings, now_s: float) -> Reach:
    """Who reaches whom at `now_s` (seconds since the start)."""
    share = _shares(layout, still, state, settings)
    gone, stuck = _states(layout, state, settings)
    callee = layout.link_callee
    fast = 1 - (1 - settings[Knob.FAST_FAIL]) * (1 - gone[callee])
    loss = settings[Knob.LOSS]
    own_errors, own_answers = _failing(layout, state, settings)
    cut, refuses = settings[Knob.CUT], settings[Knob.REFUSES]
    return Reach(
        share=share,
        weight=share[callee],
        net_ms=still.net_ms + settings[Knob.NET_MS] + _PACKETS * _LOST_MS * loss,
        timeout_ms=(layout.leg_timeout * settings[Knob.TIMEOUT])[layout.link_leg],
        fast=fast,
        fast_answer=np.where(gone[callee] > 0, REFUSED, settings.fast_answers).astype(np.uint8),
        stuck=1 - (1 - cut) * (1 - stuck[callee]) * (1 - loss**3),
        away=(1 - (1 - state.refused) * (1 - refuses))[callee],
        leg_count=_counts(layout, state, settings),
        retries=layout.leg_retries + settings[Knob.RETRIES],
        warm=1 + still.cold * np.exp((state.ready_at - now_s) / _WARM_S),
        disk=_disk(layout, still, settings),
        contention=1 + settings[Knob.CONTENTION] * state.arrivals * state.hold_ms / 1000,
        pause_var=state.gc_share * 2500.0,
        own_errors=own_errors,
        own_answers=own_answers,
        missing=1 - (1 - layout.missing_ratio) * (1 - settings[Knob.MISSING]),
        arriving=(1 - fast) * (1 - cut) * (1 - refuses[callee]),
        pools_wait=bool((state.pool_wait_ms > 0).any() or (state.pool_failing > 0).any()),
    )


def _shares(layout: Layout, still: Still, state: State, settings: Settings) -> Floats:
    """Calls go in equal parts to who is ready, or was until the balancer has noticed. Where nobody is, to the first."""
    off = (settings[Knob.NODE_GONE] > 0)[layout.node_of]
    turning = state.wanted & (state.unready_s < np.where(off, NODE_LAG_S, still.lag_s))
    turning &= (state.status != STOPPING) & (state.status != ABSENT)
    weight = (turning & (settings[Knob.IDLE] == 0)).astype(float)
    total = np.add.reduceat(weight, layout.first)
    if not total.all():
        weight[layout.first[total == 0]] = 1.0
        total = np.add.reduceat(weight, layout.first)
    return np.asarray(weight / total[layout.service_of])


def _states(layout: Layout, state: State, settings: Settings) -> tuple[Floats, Floats]:
    stuck = ((state.status == HUNG) | (settings[Knob.NODE_GONE] > 0)[layout.node_of]).astype(float)
    serves = (state.status == UP) | (state.status == STOPPING)
    return np.where(serves | (stuck > 0), 0.0, 1.0), stuck


def _failing(layout: Layout, state: State, settings: Settings) -> tuple[Floats, Codes]:
    """How often endpoints fail by themselves, and how: by what was turned, and for want of disk, files or sessions."""
    chance = 1 - (1 - layout.error_ratio) * (1 - settings[Knob.ERRORS])
    answers = settings.answers
    of = layout.instance_of
    scarce = (
        (state.disk_full.astype(float)[of] * (layout.writes_kb > 0), Answer.DISK_FULL),
        (state.fd_failing[of], Answer.TOO_MANY_FILES),
        (state.no_session[of], Answer.TOO_MANY_CONNECTIONS),
    )
    for more, answer in scarce:
        if more.any():
            answers = np.where(more > chance, answer, answers).astype(np.uint8)
            chance = 1 - (1 - chance) * (1 - more)
    return chance, answers


def _counts(layout: Layout, state: State, settings: Settings) -> Floats:
    cache = layout.leg_cache
    hit = state.hit * settings[Knob.HIT]
    count = layout.leg_mean * settings[Knob.CALLS] * np.where(cache >= 0, 1 - hit[cache], 1.0)
    for service in sorted(state.fallback):
        rows = layout.rows(service)
        caller = layout.origin_instance[layout.leg_origin]
        count[(caller >= rows.start) & (caller < rows.stop) & layout.leg_fallback] = 0.0
    return np.asarray(count)


def _disk(layout: Layout, still: Still, settings: Settings) -> Floats:
    slow = settings[Knob.DISK_SLOW] * settings[Knob.NODE_DISK_SLOW][layout.node_of]
    return np.asarray(np.where(still.stores, slow, 1 + (slow - 1) * 0.2))
