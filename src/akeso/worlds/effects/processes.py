"""Restarts and scaling."""

from collections.abc import Mapping

from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.worlds.effects.effect import Effect, Parameters
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import UP, Status
from akeso.worlds.simulation.rollout import strategy_of
from akeso.worlds.stage import Stage

_NOT_OURS = {ServiceKind.THIRD_PARTY}


def _restart(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    """Dead processes are started at once, running ones one after the other."""
    if stage.estate[target].kind in _NOT_OURS:
        return Failed(f"{target} is run by somebody else")
    rows = list(stage.rows(target))[: _count(parameters, 10_000)]
    if not rows:
        return Failed(f"{target} has no process to restart")
    dead = [row for row in rows if stage.sim.state.status[row] != UP]
    for row in dead:
        stage.sim.life.stop(row)
        stage.sim.state.backoff[row] = 0
        stage.sim.life.start(row)
    running = [row for row in rows if row not in dead]
    if running:
        stage.sim.releases.renew(target, running, strategy_of(stage.estate[target]))
    blocker = stage.sim.blockers.pop(target, None)
    if blocker is not None:
        stage.clear(blocker.conditions)
    return Done(f"restarted {len(rows)} of {target}", {"instances": len(rows)})


def _processes(stage: Stage, target: str) -> Mapping[str, str]:
    state = stage.sim.state
    return {
        stage.sim.life.registry[row].name: f"{Status(int(state.status[row])).name.lower()} {state.generation[row]}"
        for row in stage.rows(target)
    }


def _scale(step: int, stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    before = stage.sim.scaling.wanted(target)
    aim = before + step * _count(parameters, 1)
    if stage.estate[target].kind in _NOT_OURS:
        return Failed(f"{target} is run by somebody else")
    if aim < 1:
        return Failed(f"{before} of {target} run; stopping {before - aim} would leave none")
    reached = stage.sim.scaling.to(target, aim, "akeso", told=True)
    if reached == before:
        return Failed(f"there is no room for more than {before} of {target}")
    return Done(f"{target} has {reached} instances, it had {before}", {"instances": reached})


def _out(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    return _scale(1, stage, target, parameters)


def _in(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    return _scale(-1, stage, target, parameters)


def _size(stage: Stage, target: str) -> Mapping[str, str]:
    room = len(stage.sim.layout.rows(target))
    return {"running": str(stage.up(target)), "wanted": str(stage.sim.scaling.wanted(target)), "most": str(room)}


def _count(parameters: Parameters, default: int) -> int:
    given = parameters.get("instances", "")
    return int(given) if given.isdigit() and int(given) > 0 else default


EFFECTS = (
    Effect("restart", _restart, look=_processes),
    Effect("scale_out", _out, back=_in, look=_size),
    Effect("scale_in", _in, back=_out, look=_size),
)
