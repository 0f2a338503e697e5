"""Caches: what stands behind them gets what they no longer answer."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies


def _down(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    for row in stage.rows(service):
        stage.sim.life.stop(row)
    return Begun(
        entity=service,
        service=service,
        finish=lambda later: later.start(service),
        over=lambda later: later.up(service) > 0,
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(*(("restart", name) for name in _behind(stage, service))),
        note="stopped",
    )


def _cold(stage: Stage, mishap: Mishap) -> Begun:
    """It forgets what it is told: nearly everything goes to what stands behind, which is not made for that."""
    service = mishap.target
    behind = _behind(stage, service)
    conditions = stage.turn(
        Condition(Knob.HIT, 0.02, service),
        *(Condition(Knob.CPU, 4.0 * _crowding(stage, name) * mishap.strength, name) for name in behind),
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset(behind),
        harms=remedies(*(("restart", name) for name in (service, *behind))),
        note="entries are evicted at once",
    )


def _crowding(stage: Stage, database: str) -> float:
    """How much dearer a statement becomes when its working set no longer fits: enough to be felt."""
    row = stage.sim.layout.rows(database).start
    busy = max(float(stage.sim.state.rho_cpu[row]), 0.002)
    return max(0.4 / busy, 1.0)


def _behind(stage: Stage, cache: str) -> tuple[str, ...]:
    calls = [c for s in stage.estate.services for o in s.operations for c in o.calls]
    return tuple(sorted({c.service for c in calls if c.cached_by == cache}))


def _used(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.CACHE and called(estate, service)


def _protects(estate: Estate, service: Service) -> bool:
    calls = [c for s in estate.services for o in s.operations for c in o.calls]
    return _used(estate, service) and any(c.cached_by == service.name for c in calls)


KINDS = (
    Occurrence("cache_down", "a cache is stopped", _down, _used, FaultClass.CRASH),
    Occurrence("cold_cache", "a cache answers nothing any more", _cold, _protects, FaultClass.LATENCY_DEGRADATION),
)
