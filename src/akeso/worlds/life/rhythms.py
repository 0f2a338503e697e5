"""What comes and goes: peaks, quiet nights, jobs, backups, visitors who look for what is not there."""

from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Orchestrated, Probed
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies, written


def _until_ended(stage: Stage) -> bool:
    del stage
    return False


def _everybody(stage: Stage, factor: float, note: str) -> Begun:
    visited = sorted({t.service for t in stage.estate.traffic if stage.estate[t.service].kind is not ServiceKind.BATCH})
    conditions = stage.turn(*(Condition(Knob.SURGE, factor, name) for name in visited))
    return Begun(entity="visitors", service=visited[0], conditions=conditions, note=note)


def _night(stage: Stage, mishap: Mishap) -> Begun:
    return _everybody(stage, 0.02 / mishap.strength, "next to nobody comes")


def _peak(stage: Stage, mishap: Mishap) -> Begun:
    return _everybody(stage, 1 + 0.6 * mishap.strength, "the peak of the week")


def _holiday(stage: Stage, mishap: Mishap) -> Begun:
    return _everybody(stage, 0.3 / mishap.strength, "a holiday")


def _backup(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    cores = stage.estate[service].cores or 1.0
    conditions = stage.turn(Condition(Knob.CPU_BURN, 0.2 * cores, service), Condition(Knob.DISK_SLOW, 1.5, service))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        harms=remedies(("restart", service)),
        note="a backup is made",
    )


def _job(stage: Stage, mishap: Mishap) -> Begun:
    """Its schedule does the rest: it runs and ends as always."""
    del stage
    return Begun(mishap.target, mishap.target, harms=remedies(("restart", mishap.target)), note="runs by its schedule")


def _suspended(stage: Stage, mishap: Mishap) -> Begun:
    stage.sim.jobs.suspend(mishap.target, off=True)
    return Begun(
        mishap.target,
        mishap.target,
        finish=lambda later: later.sim.jobs.suspend(mishap.target, off=False),
        over=_until_ended,
        note="its schedule is held",
    )


def _not_found(stage: Stage, mishap: Mishap) -> Begun:
    """Somebody looks for what is not there, for pages that were or holes in the wall."""
    conditions = stage.turn(Condition(Knob.MISSING, min(0.3 * mishap.strength, 0.8), mishap.target))
    return Begun(mishap.target, mishap.target, conditions=conditions, note="many 404")


def _probe(stage: Stage, mishap: Mishap) -> Begun:
    """One health check comes a little late, and the next is fine."""
    row = stage.rows(mishap.target)[0]
    stage.say(Probed(stage.now, row, healthy=False, why="context deadline exceeded"))
    message = "Readiness probe failed: context deadline exceeded"
    stage.say(Orchestrated(stage.now, mishap.target, row, "Unhealthy", message, normal=False))
    stage.say(Probed(stage.now + 10**10, row, healthy=True))
    return Begun(
        mishap.target, mishap.target, instances=(row,), harms=remedies(("restart", mishap.target)), note="once"
    )


def _evicted(stage: Stage, mishap: Mishap) -> Begun:
    """One of several instances is moved to another machine."""
    row = stage.rows(mishap.target)[-1]
    stage.sim.releases.renew(mishap.target, [row])
    return Begun(mishap.target, mishap.target, instances=(row,), note="one instance is replaced")


def _database(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.DATABASE and called(estate, service)


def _batch(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.BATCH and bool(estate.services)


def _gateway(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.GATEWAY and called(estate, service)


def _several(estate: Estate, service: Service) -> bool:
    return written(estate, service) and service.replicas > 1 and not service.alone


KINDS = tuple(
    Occurrence(name, says, begin, suits, ordinary=True, hurts_within_s=0)
    for name, says, begin, suits in (
        ("quiet_night", "next to nobody comes", _night, _gateway),
        ("weekly_peak", "more visitors than usual, and room for them", _peak, _gateway),
        ("holiday", "few visitors all day", _holiday, _gateway),
        ("backup", "a database is copied", _backup, _database),
        ("job_ends", "a batch job runs and ends", _job, _batch),
        ("job_suspended", "a batch job does not run for a while", _suspended, _batch),
        ("not_found", "visitors look for what is not there", _not_found, _gateway),
        ("probe_flaps", "a health check fails once", _probe, written),
        ("instance_moved", "one instance is replaced", _evicted, _several),
    )
)
