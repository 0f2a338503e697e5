"""What goes wrong in processes: most of it ends with them."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.answers import Answer
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service
from akeso.worlds.faults.strengths import busy_cores
from akeso.worlds.happening import Level, Thrown
from akeso.worlds.simulation.knobs import Condition, Knob, Turn
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, remedies, written


def _inside(stage: Stage, service: str, turned: tuple[tuple[Turn, float], ...], note: str = "") -> Begun:
    """Conditions that live in the processes there are now."""
    rows = stage.rows(service)
    living = stage.living(rows)
    conditions = stage.turn(*(Condition(knob, amount, service, lives_in=living) for knob, amount in turned))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        finish=lambda later: later.forget(service),
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(("rollback_release", service), ("revert_configuration", service)),
        note=note,
    )


def _crash(stage: Stage, mishap: Mishap) -> Begun:
    """All processes die. A supervisor starts them again; where there is none, they stay dead."""
    service = mishap.target
    for row in stage.rows(service):
        stage.sim.life.crash(row, 139)
    return Begun(
        entity=service,
        service=service,
        finish=lambda later: later.start(service),
        over=lambda later: later.up(service) > 0,
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        note="nobody starts it again" if stage.estate[service].alone else "its supervisor starts it again",
    )


def _hang(stage: Stage, mishap: Mishap) -> Begun:
    return _inside(stage, mishap.target, ((Knob.HANG, min(0.6 * mishap.strength, 1.0)),), "requests never end")


def _frozen(stage: Stage, mishap: Mishap) -> Begun:
    return _inside(stage, mishap.target, ((Knob.STOPPED, 1.0),), "stopped by a signal")


def _workers_lost(stage: Stage, mishap: Mishap) -> Begun:
    workers = stage.estate[mishap.target].concurrency
    begun = _inside(stage, mishap.target, ((Knob.WORKER_LEAK, workers / 45 * mishap.strength),), "threads wait forever")
    stage.write(mishap.target, Level.WARN, "worker thread {name} did not finish within {s} s", {"name": "7", "s": "30"})
    return begun


def _lock(stage: Stage, mishap: Mishap) -> Begun:
    """A lock inside of the process: the more work at once, the slower each."""
    service = mishap.target
    row = stage.sim.layout.rows(service).start
    busy = max(float(stage.sim.state.arrivals[row] * stage.sim.state.hold_ms[row]) / 1000, 0.02)
    wait = max(sum(o.wait_ms for o in stage.estate[service].operations) / len(stage.estate[service].operations), 0.1)
    factor = mishap.strength * 2.2 * stage.promised_ms(service) / wait / busy
    return _inside(
        stage, service, ((Knob.WAIT, max(factor * busy, 2.0)), (Knob.CONTENTION, 0.4)), "a lock is held long"
    )


def _files(stage: Stage, mishap: Mishap) -> Begun:
    limit = 1024 if stage.estate[mishap.target].alone else 4096
    return _inside(stage, mishap.target, ((Knob.FD_LEAK, limit / 60 * mishap.strength),), "sockets are never closed")


def _skew(stage: Stage, mishap: Mishap) -> Begun:
    """Its clock is ahead: tokens that it checks are not valid yet."""
    service = mishap.target
    conditions = stage.turn(
        Condition(Knob.SKEW_S, 180.0 * mishap.strength, service),
        Condition(
            Knob.ERRORS,
            0.5,
            service,
            thrown=Thrown("TokenError", "token used before issued (iat)"),
            answer=Answer.FAILED,
        ),
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service), ("rollback_release", service)),
        note="its clock is three minutes ahead",
    )


def _spin(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    cores = stage.estate[service].cores or 1.0
    burn = cores - 0.8 * busy_cores(stage, service) / mishap.strength
    return _inside(stage, service, ((Knob.CPU_BURN, max(burn, 0.5 * cores)),), "a thread spins")


def _busy(estate: Estate, service: Service) -> bool:
    return written(estate, service) and service.replicas > 0


KINDS = (
    Occurrence("crash", "its processes die", _crash, written, FaultClass.CRASH, hurts_within_s=60),
    Occurrence("hang", "requests begin and never end", _hang, written, FaultClass.LATENCY_DEGRADATION),
    Occurrence("frozen", "its processes stand still", _frozen, written, FaultClass.CRASH),
    Occurrence(
        "thread_starvation",
        "its workers are lost one by one",
        _workers_lost,
        written,
        FaultClass.LATENCY_DEGRADATION,
        hurts_within_s=200,
    ),
    Occurrence("lock_in_process", "a lock in the process", _lock, written, FaultClass.LOCK_CONTENTION),
    Occurrence(
        "file_descriptors", "no file descriptor is left", _files, written, FaultClass.ERROR_BURST, hurts_within_s=200
    ),
    Occurrence("clock_skew", "a clock that is ahead", _skew, written, "clock_drift"),
    Occurrence(
        "spinning_thread", "a thread uses the processor up", _spin, _busy, FaultClass.CPU_SATURATION, hurts_within_s=150
    ),
)
