"""Wrong configurations: putting the previous one back helps, a restart does not."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.answers import Answer
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.faults.strengths import busy_cores, calls_of
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, remedies, written


def _begun(stage: Stage, service: str, conditions: tuple[Condition, ...], note: str) -> Begun:
    return Begun(
        entity=service,
        service=service,
        conditions=stage.turn(*conditions),
        hurts=frozenset({service}),
        helps=remedies(("revert_configuration", service)),
        harms=remedies(("restart", service), ("rollback_release", service)),
        note=note,
    )


def _wrong_host(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    peer = mishap.parameters.get("peer") or calls_of(stage, service)[0].service
    revision = stage.sim.releases.deliver("configuration", service)
    condition = Condition(Knob.FAST_FAIL, 1.0, service, peer=peer, configuration=revision, answer=Answer.NAME_UNKNOWN)
    return _begun(stage, service, (condition,), f"{service} looks for {peer} under a name that does not exist")


def _wrong_timeout(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    call = calls_of(stage, service)[0]
    takes = float(stage.sim.state.hold_ms[stage.sim.layout.rows(call.service).start]) + 0.3
    factor = 0.7 * takes / max(call.timeout_ms, 1.0) / mishap.strength
    revision = stage.sim.releases.deliver("configuration", service)
    condition = Condition(Knob.TIMEOUT, factor, service, peer=call.service, configuration=revision)
    return _begun(stage, service, (condition,), f"{service} gives {call.service} {factor * call.timeout_ms:.1f} ms")


def _small_pool(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    sim = stage.sim
    rows = set(sim.layout.rows(service))
    used = [
        (float(sim.state.pool_use[p]), float(sim.layout.pool_size[p]), int(sim.layout.pool_service[p]))
        for p, row in enumerate(sim.layout.pool_instance)
        if row in rows
    ]
    use, size, callee = max(used)
    peer = sim.layout.services[callee].name
    revision = sim.releases.deliver("configuration", service)
    factor = 0.6 * use / size / mishap.strength
    condition = Condition(Knob.POOL, factor, service, peer=peer, configuration=revision)
    return _begun(stage, service, (condition,), f"the pool of {service} to {peer} is {factor:.1%} of what it was")


def _low_limit(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    limit = stage.estate[service].cores or 1.0
    factor = 0.75 * busy_cores(stage, service) / limit / mishap.strength
    revision = stage.sim.releases.deliver("configuration", service)
    condition = Condition(Knob.CPU_LIMIT, min(factor, 0.9), service, configuration=revision)
    return _begun(stage, service, (condition,), f"{service} may use {factor * limit:.3f} cores")


def _too_few_workers(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    sim = stage.sim
    row = sim.layout.rows(service).start
    busy = float(sim.state.arrivals[row] * sim.state.hold_ms[row]) / 1000
    factor = max(0.7 * busy / stage.estate[service].concurrency / mishap.strength, 1e-4)
    revision = sim.releases.deliver("configuration", service)
    condition = Condition(Knob.WORKERS, factor, service, configuration=revision)
    return _begun(stage, service, (condition,), f"{service} has too few workers")


def _has_calls(estate: Estate, service: Service) -> bool:
    calls = [c for o in service.operations for c in o.calls if not c.optional and not c.cached_by]
    return written(estate, service) and any(
        estate[c.service].kind in {ServiceKind.WEB, ServiceKind.DATABASE, ServiceKind.THIRD_PARTY} for c in calls
    )


def _has_pool(estate: Estate, service: Service) -> bool:
    return _has_calls(estate, service) and service.pool > 0


KINDS = (
    Occurrence(
        "wrong_host",
        "a host name that does not exist",
        _wrong_host,
        _has_calls,
        FaultClass.BAD_CONFIGURATION,
        hurts_within_s=150,
    ),
    Occurrence(
        "wrong_timeout",
        "a time-out shorter than calls take",
        _wrong_timeout,
        _has_calls,
        FaultClass.BAD_CONFIGURATION,
        hurts_within_s=150,
    ),
    Occurrence(
        "small_pool",
        "a connection pool that is too small",
        _small_pool,
        _has_pool,
        FaultClass.CONNECTION_POOL_EXHAUSTION,
        hurts_within_s=200,
    ),
    Occurrence(
        "low_processor_limit",
        "a processor limit that is too low",
        _low_limit,
        written,
        "processor_quota",
        hurts_within_s=200,
    ),
    Occurrence(
        "too_few_workers",
        "fewer workers than the load wants",
        _too_few_workers,
        written,
        FaultClass.BAD_CONFIGURATION,
        hurts_within_s=200,
    ),
)
