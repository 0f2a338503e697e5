"""Let Akeso itself work with rules instead of learned models."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.ports.pipeline import Actor
from akeso.targets.outcome import recorded, seen, told
from akeso.targets.pipeline import OwnPipeline

PreState = Mapping[str, str]
ON, OFF = "on", "off"


class SafeMode(OwnPipeline):
    """Safe mode on or off. Parameter `mode`: on (default) or off.

    Does nothing until the composition root has connected it.
    """

    name = "safe_mode"
    reversible = True
    risk = Risk.LOW
    binding = ""

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """How safe mode stands."""
        del service
        _mode(step)
        return {"mode": self._standing()}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says how it stands and what it would be."""
        state = await self.capture(step, service)
        return f"Switch safe mode {_mode(step)}; it is {state['mode']} now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once every agent has been told."""
        del service, pre_state
        return await told(self._announce(step, key))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """As it was."""
        del service
        return await told(self._announce(step, f"{key}:undo", pre_state))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether safe mode stands as the step wants it."""
        del service, key, pre_state
        return await seen(self._check(step))

    async def _check(self, step: Step) -> EffectOutcome:
        wanted, now = _mode(step), self._standing()
        return Done(f"safe mode is {now}") if now == wanted else Failed(f"safe mode is {now}")

    async def _announce(self, step: Step, key: str, before: PreState | None = None) -> EffectOutcome:
        mode = _mode(step) if before is None else recorded(before, "mode")
        await self._connected().configure("safe_mode", mode, Actor(self.name, key))
        return Done(f"safe mode {mode} was announced")

    def _standing(self) -> str:
        return ON if self._connected().safe_mode else OFF


def _mode(step: Step) -> str:
    mode = step.parameters.get("mode", ON)
    if mode not in {ON, OFF}:
        raise ActionFailed(f"parameters.mode: on or off is wanted, not {mode!r}")
    return mode
