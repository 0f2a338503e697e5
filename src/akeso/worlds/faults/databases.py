"""Databases and connections to them."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.faults.strengths import busiest_caller, calls_of
from akeso.worlds.happening import Level, Thrown
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.simulation.simulation import Blocker
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies, written


def _lock(stage: Stage, mishap: Mishap) -> Begun:
    """A session holds a lock: most statements wait until their callers give up."""
    service = mishap.target
    conditions = stage.turn(
        Condition(Knob.BLOCKED, 1.0, service),
        Condition(Knob.HANG, min(0.7 * mishap.strength, 1.0), service),
    )
    holder = busiest_caller(stage, service) or "psql"

    def release(later: Stage) -> None:
        later.sim.blockers.pop(service, None)

    pid = 20_000 + int(stage.random.integers(9_000))
    stage.sim.blockers[service] = Blocker(pid, holder, "UPDATE accounts SET …", stage.sim.life.now_s, conditions)
    fields = {"pid": str(pid + 3), "by": str(pid), "ms": "1000.124"}
    stage.write(
        service, Level.WARN, "process {pid} still waiting for ShareLock, blocked by {by}, after {ms} ms", fields
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        finish=release,
        hurts=frozenset({service}),
        helps=remedies(("end_database_session", service), ("restart", service)),
        harms=remedies(("restart", holder), ("scale_out", holder)),
        note=f"session {pid} of {holder} is idle in its transaction",
    )


def _slow_query(stage: Stage, mishap: Mishap) -> Begun:
    """An index is gone or a plan has flipped: one statement reads everything."""
    service = mishap.target
    listed = mishap.parameters.get("operation") or _asked_most(stage, service)
    cpu = stage.estate[service].operation(listed).cpu_ms
    factor = 1 + 3.0 * mishap.strength * stage.promised_ms(service) / max(cpu, 0.1)
    conditions = stage.turn(Condition(Knob.CPU, factor, service, operation=listed))
    stage.sim.automation[service, "add_database_index"] = conditions
    fields = {"ms": f"{factor * cpu:.0f}", "statement": listed}
    stage.write(service, Level.INFO, "duration: {ms} ms  statement: {statement}", fields)
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service)),
        note=f"{listed} takes {factor:.0f} times the processor",
    )


def _asked_most(stage: Stage, service: str) -> str:
    counts: dict[str, float] = {}
    for name in stage.callers(service):
        for call in calls_of(stage, name):
            if call.service == service and not call.cached_by:
                counts[call.operation] = counts.get(call.operation, 0.0) + call.mean
    return max(
        counts, key=lambda operation: (counts[operation], operation), default=stage.estate[service].operations[0].name
    )


def _connections(stage: Stage, mishap: Mishap) -> Begun:
    """Somebody opens sessions and never closes them."""
    service = mishap.target
    limit = stage.estate[service].connection_limit
    conditions = stage.turn(Condition(Knob.CONNECTIONS, limit * 0.995 * mishap.strength, service))
    stage.write(service, Level.FATAL, "sorry, too many clients already", {})
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("scale_out", busiest_caller(stage, service)), ("restart", busiest_caller(stage, service))),
        note="an analyst's tool holds nearly all sessions",
    )


def _pool(stage: Stage, mishap: Mishap) -> Begun:
    """Connections are taken from the pool and not given back."""
    service = mishap.target
    peer = calls_of(stage, service)[0].service
    living = stage.living(stage.rows(service))
    rate = stage.estate[service].pool / 30 * mishap.strength
    conditions = stage.turn(Condition(Knob.POOL_LEAK, rate, service, peer=peer, lives_in=living))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        finish=lambda later: later.forget(service),
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(("restart", peer), ("rollback_release", service)),
        note=f"connections to {peer} are not given back",
    )


def _lag(stage: Stage, mishap: Mishap) -> Begun:
    """The replica falls behind: what was just written is not found there."""
    service = mishap.target
    row = stage.rows(service)[1]
    conditions = stage.turn(
        Condition(Knob.LAG_S, 0.9 * mishap.strength, service, instances=(row,)),
        Condition(
            Knob.ERRORS,
            min(0.25 * mishap.strength, 1.0),
            service,
            instances=(row,),
            thrown=Thrown("StaleRead", "canceling statement due to conflict with recovery"),
        ),
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        instances=(row,),
        hurts=frozenset({service}),
        harms=remedies(("restart", busiest_caller(stage, service))),
        note="the replica falls behind",
    )


def _down(stage: Stage, mishap: Mishap) -> Begun:
    """It was stopped and stays so until somebody starts it."""
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
        harms=remedies(("restart", busiest_caller(stage, service))),
        note="stopped",
    )


def _database(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.DATABASE and called(estate, service)


def _replicated(estate: Estate, service: Service) -> bool:
    return _database(estate, service) and service.replicas > 1


def _pooled(estate: Estate, service: Service) -> bool:
    calls = [c for o in service.operations for c in o.calls if not c.optional and not c.cached_by]
    return written(estate, service) and service.pool > 0 and bool(calls)


KINDS = (
    Occurrence(
        "database_lock", "a session holds a lock that others want", _lock, _database, FaultClass.LOCK_CONTENTION
    ),
    Occurrence("slow_query", "a statement reads far too much", _slow_query, _database, FaultClass.LATENCY_DEGRADATION),
    Occurrence(
        "too_many_sessions",
        "a database takes no more sessions",
        _connections,
        _database,
        FaultClass.CONNECTION_POOL_EXHAUSTION,
    ),
    Occurrence(
        "pool_exhausted",
        "connections are not given back",
        _pool,
        _pooled,
        FaultClass.CONNECTION_POOL_EXHAUSTION,
        hurts_within_s=200,
    ),
    Occurrence("replica_lag", "a replica falls behind", _lag, _replicated, FaultClass.ERROR_BURST, partial=True),
    Occurrence("database_down", "a database is stopped", _down, _database, FaultClass.CRASH),
)
