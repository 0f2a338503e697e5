"""Changes that are fine: releases, configurations, scaling, renames, retirement."""

from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.happening import Changed
from akeso.worlds.simulation.knobs import Condition, Knob
from akeso.worlds.stage import Begun, Mishap, Occurrence, Stage, called, remedies, written


def _begun(service: str, note: str, conditions: tuple[int, ...] = ()) -> Begun:
    harms = remedies(("restart", service), ("rollback_release", service))
    return Begun(entity=service, service=service, conditions=conditions, harms=harms, note=note)


def _deploy(stage: Stage, mishap: Mishap) -> Begun:
    version = stage.sim.releases.deliver("release", mishap.target)
    return _begun(mishap.target, f"version {version}")


def _unseen_deploy(stage: Stage, mishap: Mishap) -> Begun:
    version = stage.sim.releases.deliver("release", mishap.target, told=False)
    return _begun(mishap.target, f"version {version}, which no tool tells of")


def _configure(stage: Stage, mishap: Mishap) -> Begun:
    revision = stage.sim.releases.deliver("configuration", mishap.target)
    return _begun(mishap.target, f"configuration {revision}")


def _scale_up(stage: Stage, mishap: Mishap) -> Begun:
    count = stage.sim.scaling.to(mishap.target, stage.sim.scaling.wanted(mishap.target) + 1, "ann", told=True)
    return _begun(mishap.target, f"{count} instances")


def _scale_to_zero(stage: Stage, mishap: Mishap) -> Begun:
    """Nobody needs it for now: its calls end with it."""
    service = mishap.target
    quiet = stage.turn(
        Condition(Knob.NO_SCALING, 1.0, service),
        Condition(Knob.SURGE, 0.0, service),
        Condition(Knob.CALLS, 0.0, peer=service),
    )
    stage.sim.scaling.to(service, 0, "ann", told=mishap.parameters.get("told", "yes") == "yes")

    def back(later: Stage) -> None:
        later.sim.scaling.to(service, later.estate[service].replicas, "ann", told=True)

    return Begun(
        entity=service,
        service=service,
        conditions=quiet,
        finish=back,
        over=lambda later: later.sim.scaling.wanted(service) > 0,
        harms=remedies(("restart", service), ("scale_out", service)),
        note="scaled to zero on purpose",
    )


def _retire(stage: Stage, mishap: Mishap) -> Begun:
    begun = _scale_to_zero(stage, Mishap(mishap.target, 1.0, {"told": "no"}))
    stage.sim.state.retired.add(mishap.target)
    stage.say(Changed(stage.now, mishap.target, "retire", "0", "ann"))
    return begun


def _rename(stage: Stage, mishap: Mishap) -> Begun:
    name = mishap.parameters.get("to") or f"{mishap.target}-v2"
    stage.sim.life.registry.rename(mishap.target, name)
    stage.say(Changed(stage.now, mishap.target, "rename", name, "ann", told=False))
    return _begun(mishap.target, f"is called {name} from now on")


def _leaf(estate: Estate, service: Service) -> bool:
    return service.kind is ServiceKind.WEB and called(estate, service)


def _team(estate: Estate, service: Service) -> bool:
    return written(estate, service)


KINDS = tuple(
    Occurrence(name, says, begin, suits, ordinary=True, hurts_within_s=0)
    for name, says, begin, suits in (
        ("deploy", "a release that is fine", _deploy, _team),
        ("unseen_deploy", "a release that no tool tells of", _unseen_deploy, _team),
        ("configuration_change", "a configuration that is fine", _configure, _team),
        ("scaled_up", "somebody adds an instance", _scale_up, _team),
        ("scaled_to_zero", "a service nobody needs now", _scale_to_zero, _leaf),
        ("retired", "a service that is gone for good", _retire, _leaf),
        ("renamed", "a service has another name", _rename, _team),
    )
)
