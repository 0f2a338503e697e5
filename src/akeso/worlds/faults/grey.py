"""Partial faults: one instance of several, one path, some of the calls; and two at once."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service
from akeso.worlds.faults.strengths import delay_ms, slowing
from akeso.worlds.happening import Thrown
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, remedies, written


def _one_slow(stage: Stage, mishap: Mishap) -> Begun:
    row = stage.rows(mishap.target)[-1]
    factor = slowing(stage, mishap.target, mishap.strength)
    return _one(stage, mishap.target, row, Condition(Knob.CPU, factor, mishap.target, lives_in=stage.living((row,))))


def _one_failing(stage: Stage, mishap: Mishap) -> Begun:
    row = stage.rows(mishap.target)[-1]
    share = min(0.7 * mishap.strength, 1.0)
    thrown = Thrown("AttributeError", "'NoneType' object has no attribute 'execute'")
    condition = Condition(Knob.ERRORS, share, mishap.target, lives_in=stage.living((row,)), thrown=thrown)
    return _one(stage, mishap.target, row, condition)


def _one(stage: Stage, service: str, row: int, condition: Condition) -> Begun:
    return Begun(
        entity=stage.sim.life.registry[row].name,
        service=service,
        conditions=stage.turn(condition),
        instances=(row,),
        hurts=frozenset({service}),
        helps=remedies(("restart", service)),
        harms=remedies(("rollback_release", service)),
        note="one instance of several",
    )


def _some_calls(stage: Stage, mishap: Mishap) -> Begun:
    """One call in ten takes far too long; the others are as always."""
    service = mishap.target
    conditions = stage.turn(
        Condition(Knob.GREY_SHARE, 0.1, service),
        Condition(Knob.GREY_MS, delay_ms(stage, service, 1.5 * mishap.strength), service),
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service)),
        note="one call in ten",
    )


def _one_path(stage: Stage, mishap: Mishap) -> Begun:
    """One operation of several fails."""
    service = mishap.target
    operation = stage.estate[service].operations[0].name
    conditions = stage.turn(
        Condition(
            Knob.ERRORS,
            min(0.8 * mishap.strength, 1.0),
            service,
            operation=operation,
            thrown=Thrown("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xe4 in position 12"),
        )
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        harms=remedies(("restart", service)),
        note=f"only {operation}",
    )


def _two(stage: Stage, mishap: Mishap) -> Begun:
    """The same wrong library came into two services that do not call each other in the same minute."""
    other = mishap.parameters.get("other") or _stranger(stage, mishap.target)
    conditions: list[int] = []
    for service in (mishap.target, other):
        version = stage.sim.releases.deliver("release", service)
        thrown = Thrown("ImportError", "cannot import name 'parse' from 'wirelib'")
        conditions += stage.turn(Condition(Knob.ERRORS, 0.5, service, version=version, thrown=thrown))
    return Begun(
        entity=mishap.target,
        service=mishap.target,
        conditions=tuple(conditions),
        hurts=frozenset({mishap.target, other}),
        helps=remedies(("rollback_release", mishap.target), ("rollback_release", other)),
        harms=remedies(("restart", mishap.target), ("restart", other)),
        note=f"{mishap.target} and {other}",
    )


def _stranger(stage: Stage, service: str) -> str:
    related = {
        service,
        *stage.callers(service),
        *(c.service for o in stage.estate[service].operations for c in o.calls),
    }
    others = [s.name for s in stage.estate.services if written(stage.estate, s)]
    free = [name for name in others if name not in related] or [name for name in others if name != service]
    return free[int(stage.random.integers(len(free)))] if free else service


def _several(estate: Estate, service: Service) -> bool:
    return written(estate, service) and service.replicas > 1


KINDS = (
    Occurrence(
        "one_slow_instance", "one instance is slow", _one_slow, _several, FaultClass.LATENCY_DEGRADATION, partial=True
    ),
    Occurrence(
        "one_failing_instance", "one instance fails", _one_failing, _several, FaultClass.ERROR_BURST, partial=True
    ),
    Occurrence(
        "one_call_in_ten", "some calls are slow", _some_calls, written, FaultClass.LATENCY_DEGRADATION, partial=True
    ),
    Occurrence("one_path", "one operation fails", _one_path, written, FaultClass.ERROR_BURST, partial=True),
    Occurrence(
        "two_at_once", "two services fail for one reason", _two, written, FaultClass.BAD_RELEASE, hurts_within_s=150
    ),
)
