"""Akeso's actions, with a world as their target: what they change changes there."""

from collections.abc import Mapping
from typing import Protocol

from akeso.domain.errors import ActionFailed, NotFound
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.ports.action import Action, PreState
from akeso.targets.binding import bound

KIND = "world"
"""The kind of a binding whose target is in a world. `target`: the service there."""


class Acting(Protocol):
    """What of a world an action needs; see akeso.worlds.world.World."""

    def act(
        self, action: str, target: str, parameters: Mapping[str, str] = ..., *, undo: bool = False
    ) -> EffectOutcome: ...

    def look(self, action: str, target: str) -> Mapping[str, str]: ...


class WorldAction:
    """An Action with the nature of another and its target in a world."""

    def __init__(self, like: Action, world: Acting) -> None:
        self.name: str = like.name
        self.reversible: bool = like.reversible
        self.risk: Risk = like.risk
        self.binding: str = like.binding
        self._world = world
        self._done: dict[str, EffectOutcome] = {}

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        del step
        return self._look(service)

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        found = ", ".join(f"{name} is {value}" for name, value in sorted(self._look(service).items()))
        given = "".join(f", {name} {value}" for name, value in sorted(step.parameters.items()))
        return f"{self.name} {service.name}{given}" + (f"; {found}." if found else ".")

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        del pre_state
        if key not in self._done:
            self._done[key] = self._world.act(self.name, self._target(service), step.parameters)
        return self._done[key]

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        del key, pre_state
        return self._world.act(self.name, self._target(service), step.parameters, undo=True)

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        del step, service, pre_state
        outcome = self._done.get(key)
        return outcome if isinstance(outcome, Done) else Failed(f"{self.name} did not take place")

    def _look(self, service: ServiceSpec) -> Mapping[str, str]:
        try:
            return self._world.look(self.name, self._target(service))
        except NotFound as absent:
            raise ActionFailed(str(absent)) from absent

    def _target(self, service: ServiceSpec) -> str:
        return bound(service, self.binding, KIND, "target")["target"]


def acting_in(world: Acting, actions: Mapping[str, Action]) -> dict[str, Action]:
    """The actions with those that need a binding acting in the world; the others, on Akeso itself, as they are."""
    return {name: WorldAction(action, world) if action.binding else action for name, action in actions.items()}
