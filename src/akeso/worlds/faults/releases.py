"""Releases with something wrong in them: the rollback helps, a restart does not."""

from akeso.domain.incident.diagnosis import FaultClass
from akeso.worlds.answers import Answer
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.faults.strengths import calls_of, slowing
from akeso.worlds.happening import Changed, Thrown
from akeso.worlds.simulation.knobs import Condition, Knob, Turn
from akeso.worlds.simulation.rollout import Strategy
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, remedies, written


def _released(
    stage: Stage, service: str, turned: tuple[tuple[Turn, float], ...], thrown: Thrown | None = None, note: str = ""
) -> Begun:
    version = stage.sim.releases.deliver("release", service)
    conditions = stage.turn(
        *(Condition(knob, amount, service, version=version, thrown=thrown) for knob, amount in turned)
    )
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        helps=remedies(("rollback_release", service)),
        harms=remedies(("restart", service), ("revert_configuration", service)),
        note=note or f"version {version}",
    )


def _slow(stage: Stage, mishap: Mishap) -> Begun:
    factor = slowing(stage, mishap.target, mishap.strength)
    return _released(stage, mishap.target, ((Knob.CPU, factor),))


def _failing(stage: Stage, mishap: Mishap) -> Begun:
    share = min(0.5 * mishap.strength, 1.0)
    thrown = Thrown("KeyError", "'discount_code'")
    return _released(stage, mishap.target, ((Knob.ERRORS, share),), thrown)


def _leaking(stage: Stage, mishap: Mishap) -> Begun:
    limit = stage.estate[mishap.target].memory_mb
    return _released(stage, mishap.target, ((Knob.LEAK_MB, limit / 150 * mishap.strength),))


def _crash_loop(stage: Stage, mishap: Mishap) -> Begun:
    service = mishap.target
    version = stage.sim.releases.deliver("release", service, strategy=Strategy.RECREATE)
    conditions = stage.turn(Condition(Knob.CRASH_AFTER_S, 2.0, service, version=version))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        finish=lambda later: later.start(service),
        hurts=frozenset({service}),
        helps=remedies(("rollback_release", service)),
        harms=remedies(("restart", service), ("scale_out", service)),
        note=f"version {version} cannot import one of its modules",
    )


def _many_calls(stage: Stage, mishap: Mishap) -> Begun:
    """One query a row instead of one for all."""
    service = mishap.target
    stores = [c for c in calls_of(stage, service) if not stage.estate[c.service].sidecar]
    peer = stores[0].service
    patience = stage.promised_ms(service)
    one = max(_mean_ms(stage, peer), 0.5)
    times = max(10.0, 2.5 * mishap.strength * patience / (one * max(stores[0].mean, 0.3)))
    version = stage.sim.releases.deliver("release", service)
    conditions = stage.turn(Condition(Knob.CALLS, times, service, peer=peer, version=version))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        helps=remedies(("rollback_release", service)),
        harms=remedies(("restart", peer), ("restart", service)),
        note=f"each request calls {peer} {times:.0f} times as often",
    )


def _mean_ms(stage: Stage, service: str) -> float:
    row = stage.sim.layout.rows(service).start
    return float(stage.sim.state.hold_ms[row]) + 1.0


def _mismatch(stage: Stage, mishap: Mishap) -> Begun:
    """The callee's new version refuses what its callers send."""
    service = mishap.target
    version = stage.sim.releases.deliver("release", service)
    share = min(0.7 * mishap.strength, 1.0)
    conditions = stage.turn(Condition(Knob.ERRORS, share, service, version=version, answer=Answer.INVALID))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        helps=remedies(("rollback_release", service)),
        harms=remedies(("restart", service)),
        note=f"version {version} does not understand its callers",
    )


def _flag(stage: Stage, mishap: Mishap) -> Begun:
    service, name = mishap.target, mishap.parameters.get("flag", "new-ranking")
    stage.sim.state.flags.setdefault(service, set()).add(name)
    thrown = Thrown("ZeroDivisionError", "division by zero")
    conditions = stage.turn(
        Condition(Knob.ERRORS, min(0.4 * mishap.strength, 1.0), service, flag=name, thrown=thrown),
    )
    stage.say(Changed(stage.now, service, "flag", f"{name}=on", "product"))
    return Begun(
        entity=service,
        service=service,
        conditions=conditions,
        hurts=frozenset({service}),
        helps=remedies(("feature_flag_off", service)),
        harms=remedies(("rollback_release", service), ("restart", service)),
        note=f"flag {name}",
    )


def _calls_somebody(estate: Estate, service: Service) -> bool:
    return written(estate, service) and any(
        estate[c.service].kind in {ServiceKind.DATABASE, ServiceKind.WEB} and not c.optional and not c.cached_by
        for o in service.operations
        for c in o.calls
    )


def _by_team(estate: Estate, service: Service) -> bool:
    return written(estate, service)


KINDS = (
    Occurrence(
        "slow_release", "a release whose code is slow", _slow, _by_team, FaultClass.BAD_RELEASE, hurts_within_s=150
    ),
    Occurrence(
        "failing_release", "a release that fails often", _failing, _by_team, FaultClass.BAD_RELEASE, hurts_within_s=150
    ),
    Occurrence(
        "leaking_release", "a release that leaks memory", _leaking, _by_team, FaultClass.MEMORY_LEAK, hurts_within_s=400
    ),
    Occurrence("crash_loop", "a release that cannot start", _crash_loop, _by_team, FaultClass.CRASH_LOOP),
    Occurrence(
        "query_in_a_loop",
        "a release that calls once a row",
        _many_calls,
        _calls_somebody,
        FaultClass.BAD_RELEASE,
        hurts_within_s=150,
    ),
    Occurrence(
        "version_mismatch",
        "caller and callee speak different versions",
        _mismatch,
        _by_team,
        FaultClass.BAD_RELEASE,
        hurts_within_s=150,
    ),
    Occurrence("bad_flag", "a feature flag that breaks requests", _flag, _by_team, FaultClass.BAD_CONFIGURATION),
)
