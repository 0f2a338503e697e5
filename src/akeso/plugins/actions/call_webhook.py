"""Let a team's own automation do it."""

from collections.abc import Mapping
from typing import ClassVar

from akeso.domain.estate.service import Binding, Bound, ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed, Unknown
from akeso.domain.incident.plan import Risk, Step
from akeso.domain.masking import masked_url
from akeso.targets.binding import bound
from akeso.targets.http import call, read_json
from akeso.targets.outcome import seen, told

PreState = Mapping[str, str]


class CallWebhook:
    """POST {action, target, key, parameters} with the header Idempotency-Key to the binding's `url`.

    2xx is Done, 4xx Failed, 5xx or no answer Unknown. `check` (optional) is asked with GET ?key=… and answers
    {"applied": bool}. Construct with `reversible=True` when the team's webhooks can be undone: then every binding
    must name an `undo`, which gets the same POST.
    """

    name = "call_webhook"
    reversible: bool = False
    risk = Risk.MEDIUM
    binding = Bound.WEBHOOK.value
    example_binding: ClassVar[Binding] = {"kind": "webhook", "url": "http://127.0.0.1:9002/heal"}

    def __init__(self, call_s: float = 10.0, *, reversible: bool = False) -> None:
        self._call_s, self.reversible = call_s, reversible

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """Nothing can be captured of what is behind a webhook but where it is."""
        del step
        return {"url": masked_url(self._binding(service)["url"])}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Names the URL and the parameters."""
        given = ", ".join(f"{k}={v}" for k, v in sorted(step.parameters.items())) or "no parameters"
        return f"POST {masked_url(self._binding(service)['url'])} for {service.name} with {given}."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done when it answered 2xx."""
        del pre_state
        return await told(self._post(step, service, "url", key))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Call the binding's `undo`."""
        del pre_state
        return await told(self._post(step, service, "undo", f"{key}:undo"))

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """What the binding's `check` says of this key; Unknown without one."""
        del step, pre_state
        return await seen(self._check(service, key))

    async def _post(self, step: Step, service: ServiceSpec, field: str, key: str) -> EffectOutcome:
        url = bound(service, self.binding, "webhook", field)[field]
        body = {"action": step.action, "target": step.target, "key": key, "parameters": dict(step.parameters)}
        answer = await call("POST", url, self._call_s, body, {"Idempotency-Key": key})
        return Done(f"{masked_url(url)} answered {answer.status_code}")

    async def _check(self, service: ServiceSpec, key: str) -> EffectOutcome:
        url = self._binding(service).get("check")
        if not url:
            return Unknown(f"services.{service.name}.bindings.webhook.check: is missing, so nobody can tell")
        match (await read_json(url, self._call_s, {"key": key})).get("applied"):
            case True:
                return Done(f"{masked_url(url)} says it was applied")
            case False:
                return Failed(f"{masked_url(url)} says it was not applied")
        return Unknown(f'{url} gave no boolean "applied"')

    def _binding(self, service: ServiceSpec) -> Binding:
        return bound(service, self.binding, "webhook", "url", *(["undo"] if self.reversible else []))
