"""Let a service use its fallback instead of what it depends on."""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import Binding, Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.binding import bound
from akeso.targets.http import call, read_json
from akeso.targets.outcome import looking, recorded, seen, told

PreState = Mapping[str, str]


class SwitchFallback:
    """POST to the binding's `on`; undo with `off` when it was off; `status` (GET → {"enabled": bool}) tells."""

    name = "switch_fallback"
    reversible = True
    risk = Risk.LOW
    binding = Bound.FALLBACK.value
    example_binding: ClassVar[Binding] = {
        "kind": "webhook",
        "on": "http://127.0.0.1:9003/on",
        "off": "http://127.0.0.1:9003/off",
        "status": "http://127.0.0.1:9003/status",
    }
    change_kind = ("fallback", "fallback")

    def __init__(self, call_s: float = 3.0) -> None:
        self._call_s = call_s

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Whether it is on already."""
        del step
        return {"enabled": str(await self._enabled(_binding(service))).lower()}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says where it is switched and how it stands."""
        state = await self.capture(step, service)
        now = "on" if state["enabled"] == "true" else "off"
        return f"Switch the fallback of {service.name} on through {_binding(service)['on']}; it is {now} now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once the status says that it is on."""
        del step, pre_state
        return await told(self._switch(service, key, wanted=True))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Off again, unless it was on before."""
        del step
        if pre_state.get("enabled") == "true":
            return Done("the fallback was on before and stays on")
        return await told(self._switch(service, f"{key}:undo", wanted=False))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether it is on."""
        del step, key
        return await seen(self._check(service, pre_state))

    async def _switch(self, service: ServiceSpec, key: str, *, wanted: bool) -> EffectOutcome:
        binding, word = _binding(service), "on" if wanted else "off"
        await call("POST", binding[word], self._call_s, headers={"Idempotency-Key": key})
        if await self._enabled_now(binding) is wanted:
            return Done(f"the fallback of {service.name} is {word}")
        return Failed(f"{binding[word]} accepted, but {binding['status']} does not say that the fallback is {word}")

    async def _check(self, service: ServiceSpec, state: PreState) -> EffectOutcome:
        before = recorded(state, "enabled")
        if await self._enabled_now(_binding(service)):
            return Done(f"the fallback is on (it was {'on' if before == 'true' else 'off'} before)")
        return Failed("the fallback is off")

    async def _enabled(self, binding: Binding) -> bool:
        with looking():
            return await self._enabled_now(binding)

    async def _enabled_now(self, binding: Binding) -> bool:
        enabled = (await read_json(binding["status"], self._call_s)).get("enabled")
        if not isinstance(enabled, bool):
            raise ActionFailed(f'GET {binding["status"]}: the answer has no boolean "enabled"')
        return enabled


def _binding(service: ServiceSpec) -> Binding:
    return bound(service, Bound.FALLBACK, "webhook", "on", "off", "status")
