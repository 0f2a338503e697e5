"""Actions that are known by what they say of themselves, and do nothing."""

from collections.abc import Mapping

from akeso.domain.errors import Forbidden
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import EffectOutcome
from akeso.domain.incident.plan import Risk, Step
from akeso.ports.action import Action, PreState, change_kind, on_akeso


class InertAction:
    """An Action with the nature of another and none of its reach: it neither changes its target nor looks at it."""

    def __init__(self, like: Action) -> None:
        self.name: str = like.name
        self.reversible: bool = like.reversible
        self.risk: Risk = like.risk
        self.binding: str = like.binding
        self.change_kind = change_kind(like)
        self.on_akeso = on_akeso(like)

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        raise self._refused(step, service)

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """What would be done, as far as that can be said without asking the target."""
        given = ", ".join(f"{name}={value}" for name, value in sorted(step.parameters.items()))
        return f"would {self.name} {service.name}" + (f" ({given})" if given else "")

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        del key, pre_state
        raise self._refused(step, service)

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        del key, pre_state
        raise self._refused(step, service)

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        del key, pre_state
        raise self._refused(step, service)

    def _refused(self, step: Step, service: ServiceSpec) -> Forbidden:
        return Forbidden(f"{self.name} is inert in a replay: {step.id} would touch {service.name}")


def inert(actions: Mapping[str, Action]) -> dict[str, Action]:
    """All of them, made inert."""
    return {name: InertAction(action) for name, action in actions.items()}
