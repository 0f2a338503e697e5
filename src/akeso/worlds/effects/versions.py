"""Releases, configurations, feature flags."""

from collections.abc import Mapping

from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.worlds.effects.effect import Act, Effect, Look, Parameters
from akeso.worlds.happening import Changed
from akeso.worlds.stage import Stage


def _swap(thing: str) -> Act:
    def act(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
        del parameters
        name = stage.sim.releases.swap(thing, target, "akeso")
        if not name:
            return Failed(f"{target} has no previous {thing}")
        return Done(f"{target} goes back to {thing} {name}")

    return act


def _versions(thing: str) -> Look:
    def look(stage: Stage, target: str) -> Mapping[str, str]:
        releases = stage.sim.releases
        return {"current": releases.current(thing, target), "previous": releases.previous(thing, target)}

    return look


def _flag(stage: Stage, target: str, parameters: Parameters, *, on: bool) -> EffectOutcome:
    flags = stage.sim.state.flags.setdefault(target, set())
    chosen = parameters.get("flag") or next(iter(sorted(flags)), "")
    if not chosen or (not on and chosen not in flags):
        return Failed(f"no flag {chosen or 'at all'} is on in {target}")
    if on:
        flags.add(chosen)
    else:
        flags.discard(chosen)
    stage.sim.settings.stir()
    stage.say(Changed(stage.now, target, "flag", f"{chosen}={'on' if on else 'off'}", "akeso"))
    return Done(f"flag {chosen} of {target} is {'on' if on else 'off'}")


def _off(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    return _flag(stage, target, parameters, on=False)


def _on(stage: Stage, target: str, parameters: Parameters) -> EffectOutcome:
    return _flag(stage, target, parameters, on=True)


def _flags(stage: Stage, target: str) -> Mapping[str, str]:
    return dict.fromkeys(sorted(stage.sim.state.flags.get(target, ())), "on")


EFFECTS = (
    Effect("rollback_release", _swap("release"), back=_swap("release"), look=_versions("release")),
    Effect(
        "revert_configuration", _swap("configuration"), back=_swap("configuration"), look=_versions("configuration")
    ),
    Effect("feature_flag_off", _off, back=_on, look=_flags),
)
