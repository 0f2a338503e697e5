"""Make Akeso's detection more or less sensitive."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed, InvalidInput
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.ports.pipeline import Actor
from akeso.targets.outcome import recorded, seen, told
from akeso.targets.pipeline import OwnPipeline

PreState = Mapping[str, str]


class AdjustThreshold(OwnPipeline):
    """Multiplies every threshold but a rule's. Parameter `factor`: below 1 for more alarms, above for fewer (0.9)."""

    name = "adjust_threshold"
    reversible = True
    risk = Risk.LOW
    binding = ""

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """The threshold now, and what it is to be."""
        del service
        now = self._connected().threshold
        return {"threshold": repr(now), "wanted": repr(now * _factor(step))}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says what the threshold is and would be."""
        state = await self.capture(step, service)
        return f"Set the threshold's factor to {float(state['wanted']):.3g}; it is {float(state['threshold']):.3g} now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once every agent has been told."""
        del step, service
        return await told(self._announce(pre_state, "wanted", key))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """As it was."""
        del step, service
        return await told(self._announce(pre_state, "threshold", f"{key}:undo"))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether the threshold is what it was to be."""
        del step, service, key
        return await seen(self._check(pre_state))

    async def _check(self, pre_state: PreState) -> EffectOutcome:
        wanted, now = recorded(pre_state, "wanted"), repr(self._connected().threshold)
        return Done(f"the factor is {now}") if now == wanted else Failed(f"the factor is {now}")

    async def _announce(self, pre_state: PreState, which: str, key: str) -> EffectOutcome:
        value = recorded(pre_state, which)
        try:
            await self._connected().configure("threshold", value, Actor(self.name, key))
        except InvalidInput as beyond:
            raise ActionFailed(str(beyond)) from beyond
        return Done(f"a threshold's factor of {float(value):.3g} was announced")


def _factor(step: Step) -> float:
    text = step.parameters.get("factor", "0.9")
    try:
        factor = float(text)
    except ValueError as bad:
        raise ActionFailed(f"parameters.factor: must be a number, not {text!r}") from bad
    if not 0.1 <= factor <= 10.0:
        raise ActionFailed(f"parameters.factor: must be between 0.1 and 10, not {text}")
    return factor
